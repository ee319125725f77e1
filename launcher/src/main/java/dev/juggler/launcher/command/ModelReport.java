package dev.juggler.launcher.command;

import dev.juggler.engine.inference.ModelInspection;
import dev.juggler.engine.inference.ModelInspection.Cache;
import dev.juggler.engine.inference.ModelInspection.CacheLayers;
import dev.juggler.engine.inference.ModelInspection.Parameters;
import dev.juggler.engine.inference.ModelInspection.TensorNote;
import dev.juggler.engine.inference.ModelInspection.TokenizerNote;
import dev.juggler.engine.model.ModelProblem;
import dev.juggler.launcher.terminal.Paragraph;
import dev.juggler.launcher.terminal.TextTable;
import dev.juggler.launcher.terminal.Units;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** A {@link ModelInspection} for people, on lines of 80 characters. */
final class ModelReport {
    private static final int WIDTH = 80;
    private static final int LABEL = 13;
    private static final int MOST_TYPES = 4;

    private final ModelInspection model;
    private final StringBuilder text = new StringBuilder();

    private ModelReport(ModelInspection model) {
        this.model = model;
    }

    /** The report; tensors are not listed. */
    static String of(ModelInspection model) {
        ModelReport report = new ModelReport(model);
        report.verdict();
        report.facts();
        report.types();
        report.roles();
        return report.text.toString();
    }

    /** All tensors: name, type, dimensions, role. */
    static TextTable tensors(ModelInspection model) {
        TextTable table = new TextTable();
        for (TensorNote tensor : model.tensors()) {
            table.row(
                    tensor.name(),
                    tensor.type(),
                    tensor.dimensions().stream()
                            .map(String::valueOf)
                            .collect(Collectors.joining(" x ")),
                    tensor.role());
        }
        return table;
    }

    private void verdict() {
        if (model.supported()) {
            line("supported", "yes");
            return;
        }
        line("supported", "no");
        for (ModelProblem problem : model.problems()) {
            text.append(Paragraph.of("  -", problem.text(), 4, WIDTH));
        }
    }

    private void facts() {
        line("family", model.architecture().isEmpty() ? "unknown" : model.architecture());
        if (!model.name().isEmpty()) {
            line("name", model.name());
        }
        line(
                "file",
                "%s in %d file%s, GGUF version %d, %s"
                        .formatted(
                                Units.bytes(model.fileBytes()),
                                model.files().size(),
                                model.files().size() == 1 ? "" : "s",
                                model.ggufVersion(),
                                model.quantization()));
        line("parameters", parameters());
        if (model.contextLength() > 0) {
            line("context", model.contextLength() + " tokens, as trained");
        }
        model.ignored()
                .forEach(ignored ->
                        line(
                                "left out",
                                "%d tensors %s* (%s): %s"
                                        .formatted(
                                                ignored.tensors(),
                                                ignored.prefix(),
                                                Units.bytes(ignored.bytes()),
                                                ignored.reason())));
        cache();
        TokenizerNote tokenizer = model.tokenizer();
        if (tokenizer != null) {
            line("tokenizer", "%s: %d tokens".formatted(tokenizer.kind(), tokenizer.tokens()));
            line("template", tokenizer.chatTemplate());
        }
    }

    private String parameters() {
        Parameters parameters = model.parameters();
        String total = Units.count(parameters.total()) + " total";
        if (parameters.experts() == 0) {
            return total + ", all of them active";
        }
        return "%s, %s active per token (%d of %d experts)"
                .formatted(
                        total,
                        Units.count(parameters.active()),
                        parameters.expertsUsed(),
                        parameters.experts());
    }

    private void cache() {
        Cache cache = model.cache();
        if (cache == null) {
            line("KV cache", "cannot be told, the architecture is not read");
            return;
        }
        String trained =
                cache.bytesOfTrainedContext() == 0
                        ? ""
                        : ", %s for %d"
                                .formatted(
                                        Units.bytes(cache.bytesOfTrainedContext()),
                                        model.contextLength());
        line(
                "KV cache",
                "%s per 1k tokens%s (%s, %s a token)"
                        .formatted(
                                Units.bytes(cache.bytesPerKilotoken()),
                                trained,
                                cache.type(),
                                Units.bytes(cache.bytesPerToken())));
        for (CacheLayers layers : cache.layers()) {
            line(
                    "",
                    "%d layer%s (%s): %s"
                            .formatted(
                                    layers.count(),
                                    layers.count() == 1 ? "" : "s",
                                    layers.layers(),
                                    kept(layers)));
        }
    }

    private static String kept(CacheLayers layers) {
        String widths =
                layers.valueWidth() == 0
                        ? "%s of %d".formatted(layers.form(), layers.keyWidth())
                        : "%s of %d + %d"
                                .formatted(layers.form(), layers.keyWidth(), layers.valueWidth());
        return layers.window() == 0
                ? widths
                : widths + ", a window of %d tokens".formatted(layers.window());
    }

    private void types() {
        if (model.types().isEmpty()) {
            return;
        }
        TextTable table = new TextTable();
        table.header("type", "tensors", "weights", "bytes", "share");
        model.types()
                .forEach(type ->
                        table.row(
                                type.type(),
                                type.tensors(),
                                Units.count(type.parameters()),
                                Units.bytes(type.bytes()),
                                String.format(Locale.ROOT, "%.1f %%", 100 * type.share())));
        text.append("\nStored as\n").append(table);
    }

    private void roles() {
        if (model.roles().isEmpty()) {
            return;
        }
        TextTable table = new TextTable();
        table.header("role", "tensors", "weights", "bytes", "types");
        model.roles()
                .forEach(role ->
                        table.row(
                                role.role(),
                                role.tensors(),
                                Units.count(role.parameters()),
                                Units.bytes(role.bytes()),
                                few(role.types())));
        text.append("\nMemory for weights, by role\n").append(table);
    }

    private static String few(List<String> types) {
        return types.size() <= MOST_TYPES
                ? String.join(" ", types)
                : "%s +%d"
                        .formatted(
                                String.join(" ", types.subList(0, MOST_TYPES - 1)),
                                types.size() - MOST_TYPES + 1);
    }

    private void line(String label, String value) {
        text.append(Paragraph.of(label, value, LABEL, WIDTH));
    }
}
