package dev.juggler.launcher.bench;

import dev.juggler.engine.inference.ModelFile;
import dev.juggler.launcher.terminal.Units;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.databind.ObjectMapper;

/**
 * Measurements with what they were made of, in the table format of llama-bench.
 *
 * @param model name of the model
 * @param file its file
 * @param backend the default backend
 * @param threads of the CPU backend
 * @param repetitions of each test
 * @param loading how long loading took
 * @param peakBytes most memory that the process had
 */
public record BenchReport(
        String model,
        ModelFile file,
        String backend,
        int threads,
        int repetitions,
        Duration loading,
        long peakBytes) {
    /** How results are written. */
    public enum Form {
        MD,
        JSON,
        CSV
    }

    /**
     * All measurements.
     *
     * @param profiles of the same tests, or none; only JSON has a place for them
     */
    public String text(List<Measurement> measurements, List<ProfiledRun> profiles, Form form) {
        return switch (form) {
            case MD -> markdown(measurements);
            case JSON -> json(measurements, profiles);
            case CSV -> csv(measurements);
        };
    }

    private String markdown(List<Measurement> measurements) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("model", "size", "params", "backend", "threads", "test", "t/s"));
        for (Measurement measurement : measurements) {
            rows.add(
                    List.of(
                            label(),
                            Units.bytes(file.gguf().tensorBytes()),
                            Units.count(file.gguf().parameters()),
                            backend,
                            String.valueOf(threads),
                            measurement.test(),
                            String.format(
                                    Locale.ROOT,
                                    "%.2f ± %.2f",
                                    measurement.tokensPerSecond(),
                                    measurement.deviation())));
        }
        int[] widths = new int[rows.getFirst().size()];
        rows.forEach(row -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        });
        StringBuilder text = new StringBuilder();
        for (int r = 0; r < rows.size(); r++) {
            text.append(line(rows.get(r), widths));
            if (r == 0) {
                text.append(rule(widths));
            }
        }
        return text.toString();
    }

    private static String line(List<String> row, int[] widths) {
        StringBuilder line = new StringBuilder("|");
        for (int i = 0; i < widths.length; i++) {
            String padding = " ".repeat(widths[i] - row.get(i).length());
            line.append(' ')
                    .append(isLeft(i) ? row.get(i) + padding : padding + row.get(i))
                    .append(" |");
        }
        return line.append('\n').toString();
    }

    private static String rule(int[] widths) {
        StringBuilder line = new StringBuilder("|");
        for (int i = 0; i < widths.length; i++) {
            line.append(' ').append("-".repeat(widths[i] - (isLeft(i) ? 0 : 1)));
            line.append(isLeft(i) ? " |" : ": |");
        }
        return line.append('\n').toString();
    }

    /** Model and backend are words, the rest are numbers. */
    private static boolean isLeft(int column) {
        return column == 0 || column == 3;
    }

    private String json(List<Measurement> measurements, List<ProfiledRun> profiles) {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (int i = 0; i < measurements.size(); i++) {
            Map<String, Object> row = row(measurements.get(i));
            if (!profiles.isEmpty()) {
                row.put("phases", ProfileReport.json(profiles.get(i)));
            }
            rows.add(row);
        }
        return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(rows) + "\n";
    }

    private String csv(List<Measurement> measurements) {
        List<Map<String, Object>> rows = measurements.stream().map(this::row).toList();
        StringBuilder text = new StringBuilder();
        if (!rows.isEmpty()) {
            text.append(String.join(",", rows.getFirst().keySet())).append('\n');
        }
        for (Map<String, Object> row : rows) {
            text.append(
                            row.values().stream()
                                    .map(value -> '"' + String.valueOf(value) + '"')
                                    .collect(Collectors.joining(",")))
                    .append('\n');
        }
        return text.toString();
    }

    private Map<String, Object> row(Measurement measurement) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("model", model);
        row.put("test", measurement.test());
        row.put("tokens_per_second", measurement.tokensPerSecond());
        row.put("stddev", measurement.deviation());
        row.put("architecture", file.gguf().architecture());
        row.put("quantization", file.gguf().quantization());
        row.put("size_bytes", file.gguf().tensorBytes());
        row.put("parameters", file.gguf().parameters());
        row.put("backend", backend);
        row.put("threads", threads);
        row.put("repetitions", repetitions);
        row.put("load_seconds", loading.toNanos() / 1e9);
        row.put("peak_memory_bytes", peakBytes);
        return row;
    }

    private String label() {
        return "%s %s".formatted(file.gguf().architecture(), file.gguf().quantization());
    }
}
