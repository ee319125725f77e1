package dev.juggler.launcher.command;

import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.terminal.TextTable;
import dev.juggler.launcher.terminal.Units;
import java.io.PrintWriter;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler models}: what is configured; {@code show}: what is in a file. */
@Command(
        name = "models",
        mixinStandardHelpOptions = true,
        subcommands = ModelsCommand.Show.class,
        description = "Lists the configured models.")
final class ModelsCommand implements Callable<Integer> {
    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.beQuiet();
        Configuration configuration = common.configuration();
        Set<String> names = ModelArgument.configured(configuration);
        TextTable table = new TextTable();
        for (String name : names) {
            try {
                describe(table, ModelArgument.resolve(configuration, name));
            } catch (UserException e) {
                table.row(name, "-", String.valueOf(e.getMessage()));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(names.isEmpty() ? "no model is configured\n" : table);
        out.flush();
        return 0;
    }

    private static void describe(TextTable table, ModelArgument model) {
        try (GgufFile file = GgufFile.open(model.path())) {
            table.row(
                    model.name(),
                    file.architecture(),
                    Units.count(file.parameters()) + " weights",
                    file.quantization(),
                    Units.bytes(file.fileBytes()),
                    model.path());
        } catch (GgufException e) {
            table.row(model.name(), "-", String.valueOf(e.getMessage()));
        }
    }

    /** {@code juggler models show MODEL}. */
    @Command(
            name = "show",
            mixinStandardHelpOptions = true,
            description = "Shows what is in a model's file: metadata, tensors, roles.")
    static final class Show implements Callable<Integer> {
        private static final int LONGEST_ARRAY = 8;
        private static final int LONGEST_TEXT = 100;

        @Parameters(
                arity = "0..1",
                paramLabel = "MODEL",
                description = "a configured name, or the path of a GGUF file")
        private @Nullable String model;

        @Option(
                names = "--template",
                description = "print the whole chat template and nothing else")
        private boolean template;

        @Mixin private CommonOptions common = new CommonOptions();
        @Spec private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            Logging.beQuiet();
            PrintWriter out = spec.commandLine().getOut();
            ModelArgument chosen = ModelArgument.resolve(common.configuration(), model);
            try (GgufFile file = GgufFile.open(chosen.path())) {
                if (template) {
                    out.println(file.metadata().string("tokenizer.chat_template", ""));
                } else {
                    describe(chosen, file, out);
                }
            }
            out.flush();
            return 0;
        }

        private static void describe(ModelArgument chosen, GgufFile file, PrintWriter out) {
            out.printf(
                    "%s: %s, %s weights, %s, %s in %d file%s (GGUF version %d)%n",
                    chosen.name(),
                    file.architecture(),
                    Units.count(file.parameters()),
                    file.quantization(),
                    Units.bytes(file.fileBytes()),
                    file.paths().size(),
                    file.paths().size() == 1 ? "" : "s",
                    file.version());
            Map<String, WeightDescriptor> roles = new HashMap<>();
            try {
                List<WeightDescriptor> weights = ModelLoader.builtIn().describe(file).weights();
                weights.forEach(weight -> roles.putIfAbsent(weight.name(), weight));
                out.println("Supported.");
                out.println("\nRoles");
                out.print(byRole(weights));
            } catch (ModelException e) {
                out.println("Not supported: " + e.getMessage());
            }
            out.println("\nMetadata");
            out.print(metadata(file));
            out.println("\nTensors");
            out.print(tensors(file, roles));
        }

        private static TextTable byRole(List<WeightDescriptor> weights) {
            Map<String, Long> bytes = new TreeMap<>();
            Map<String, Set<String>> types = new LinkedHashMap<>();
            for (WeightDescriptor weight : weights) {
                bytes.merge(weight.role().toString(), weight.bytes(), Long::sum);
                types.computeIfAbsent(weight.role().toString(), r -> new java.util.TreeSet<>())
                        .add(weight.dtype().name());
            }
            TextTable table = new TextTable();
            bytes.forEach((role, sum) ->
                    table.row(
                            role,
                            Units.bytes(sum),
                            String.join(" ", types.getOrDefault(role, Set.of()))));
            return table;
        }

        private static TextTable metadata(GgufFile file) {
            TextTable table = new TextTable();
            file.metadata()
                    .asMap(LONGEST_ARRAY)
                    .forEach((key, value) -> table.row(key, shortened(String.valueOf(value))));
            return table;
        }

        private static TextTable tensors(GgufFile file, Map<String, WeightDescriptor> roles) {
            TextTable table = new TextTable();
            for (GgufTensor tensor : file.tensors()) {
                WeightDescriptor role = roles.get(tensor.name());
                table.row(
                        tensor.name(),
                        tensor.typeName(),
                        tensor.dimensions().stream()
                                .map(String::valueOf)
                                .collect(Collectors.joining(" x ")),
                        role == null ? "not used" : role.role());
            }
            return table;
        }

        private static String shortened(String text) {
            String line = text.replace("\n", "\\n");
            return line.length() <= LONGEST_TEXT
                    ? line
                    : line.substring(0, LONGEST_TEXT) + "... (" + text.length() + " characters)";
        }
    }
}
