package dev.juggler.launcher.bench;

import dev.juggler.engine.profile.Profile;
import dev.juggler.launcher.terminal.TextTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Profiles as people read them: time by phase, and how near the reading of weights comes to what
 * the memory allows.
 *
 * @param bytesPerSecond how fast the machine reads its memory
 */
public record ProfileReport(double bytesPerSecond) {
    private static final double MILLION = 1e6;

    /** One table for each run. */
    public String text(List<ProfiledRun> runs) {
        StringBuilder text = new StringBuilder();
        for (ProfiledRun run : runs) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%n%s by phase, a token on average; memory reads %.1f GB/s%n",
                            run.test(),
                            bytesPerSecond / 1e9));
            text.append(table(run));
        }
        return text.toString();
    }

    /** The same as values for JSON: milliseconds, bytes and operations of a token on average. */
    public static List<Map<String, Object>> json(ProfiledRun run) {
        List<Map<String, Object>> phases = new ArrayList<>();
        for (Profile.Total total : run.phases()) {
            Map<String, Object> phase = new LinkedHashMap<>();
            phase.put("phase", total.phase().toString());
            phase.put("milliseconds", total.nanoseconds() / MILLION / run.tokens());
            phase.put("weight_bytes", (double) total.bytes() / run.tokens());
            phase.put("operations", (double) total.operations() / run.tokens());
            phases.add(phase);
        }
        return phases;
    }

    private String table(ProfiledRun run) {
        TextTable table =
                new TextTable().header("phase", "ms", "share", "MB", "GB/s", "of roof", "GOP/s");
        for (Profile.Total total : run.phases()) {
            row(table, run, total.phase().toString(), total);
        }
        long bytes = run.phases().stream().mapToLong(Profile.Total::bytes).sum();
        long operations = run.phases().stream().mapToLong(Profile.Total::operations).sum();
        Profile.Total first = run.phases().getFirst();
        row(
                table,
                run,
                "all",
                new Profile.Total(first.phase(), run.nanoseconds(), bytes, operations));
        return table.toString();
    }

    private void row(TextTable table, ProfiledRun run, String name, Profile.Total total) {
        double rate = total.bytes() * 1e9 / total.nanoseconds();
        boolean reads = total.bytes() > 0;
        table.row(
                name,
                number("%.3f", total.nanoseconds() / MILLION / run.tokens()),
                number("%.1f %%", 100.0 * total.nanoseconds() / run.nanoseconds()),
                reads ? number("%.2f", total.bytes() / MILLION / run.tokens()) : "",
                reads ? number("%.1f", rate / 1e9) : "",
                reads ? number("%.0f %%", 100 * rate / bytesPerSecond) : "",
                reads ? number("%.1f", (double) total.operations() / total.nanoseconds()) : "");
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
