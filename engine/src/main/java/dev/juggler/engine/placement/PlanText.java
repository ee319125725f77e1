package dev.juggler.engine.placement;

import dev.juggler.engine.placement.Plan.Ledger;
import dev.juggler.engine.placement.Plan.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Writes a plan for people. */
final class PlanText {
    private PlanText() {}

    static String of(Plan plan) {
        StringBuilder text = new StringBuilder();
        appendTable(text, rows(plan), "llllrll");
        text.append('\n');
        appendTable(text, ledgers(plan), "lrrrrrlrr");
        text.append('\n');
        for (String warning : plan.warnings()) {
            text.append("warning: ").append(warning).append('\n');
        }
        text.append(
                String.format(
                        Locale.ROOT,
                        "context %d x %d parallel, %s cache%n",
                        plan.context(),
                        plan.parallel(),
                        plan.cacheType()));
        Prediction prediction = plan.prediction();
        text.append(
                String.format(
                        Locale.ROOT,
                        "at most %.1f tokens/s, %.1f at full context, bound by %s; prompts at most %.0f tokens/s%n",
                        prediction.decodeTokensPerSecond(),
                        prediction.decodeTokensPerSecondAtFullContext(),
                        prediction.boundBy(),
                        prediction.prefillTokensPerSecond()));
        text.append(plan.fits() ? "fits: " : "does not fit: ").append(plan.verdict()).append('\n');
        for (String remedy : plan.remedies()) {
            text.append("would fit: ").append(remedy).append('\n');
        }
        return text.toString();
    }

    private static List<List<String>> rows(Plan plan) {
        List<List<String>> cells = new ArrayList<>();
        cells.add(List.of("part", "layers", "experts", "device", "bytes", "types", "decided by"));
        for (Row row : plan.rows()) {
            cells.add(
                    List.of(
                            row.part(),
                            row.layers(),
                            row.experts(),
                            row.device(),
                            HumanBytes.text(row.bytes()),
                            String.join(" ", row.types()),
                            row.rule()));
        }
        return cells;
    }

    private static List<List<String>> ledgers(Plan plan) {
        List<List<String>> cells = new ArrayList<>();
        cells.add(
                List.of(
                        "device",
                        "weights",
                        "cache",
                        "buffers",
                        "needed",
                        "available",
                        "",
                        "read/token",
                        "bandwidth"));
        for (Ledger ledger : plan.devices()) {
            cells.add(
                    List.of(
                            ledger.device(),
                            HumanBytes.text(ledger.weights()),
                            HumanBytes.text(ledger.cache()),
                            HumanBytes.text(ledger.buffers()),
                            HumanBytes.text(ledger.needed()),
                            HumanBytes.text(ledger.available()),
                            ledger.fits() ? "fits" : "too much",
                            HumanBytes.text(ledger.bytesPerToken()),
                            String.format(
                                    Locale.ROOT, "%.1f GB/s", ledger.bytesPerSecond() / 1e9)));
        }
        return cells;
    }

    /**
     * @param alignment for each column l (left) or r (right)
     */
    private static void appendTable(StringBuilder text, List<List<String>> rows, String alignment) {
        int[] widths = new int[alignment.length()];
        for (List<String> row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String padding = " ".repeat(widths[i] - row.get(i).length());
                boolean left = alignment.charAt(i) == 'l';
                line.append(left ? row.get(i) + padding : padding + row.get(i)).append("  ");
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
    }
}
