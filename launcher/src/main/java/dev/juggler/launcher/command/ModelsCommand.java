package dev.juggler.launcher.command;

import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufMetadata;
import dev.juggler.engine.inference.ModelInspection;
import dev.juggler.engine.inference.ModelInspector;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.terminal.TextTable;
import dev.juggler.launcher.terminal.Units;
import java.io.PrintWriter;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

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
            description = {
                "Shows what a GGUF file holds, whether or not it can be run, without reading weights: family;"
                        + " supported, or exactly why not; parameters in total and active per token; how"
                        + " weights are stored; memory for weights by role and for keys and values.",
                "docs/models.md tells how to read it. Exit codes: 0 supported, 3 readable but not supported, 1"
                        + " no readable GGUF file."
            })
    static final class Show implements Callable<Integer> {
        private static final int NOT_SUPPORTED = 3;
        private static final int LONGEST_ARRAY = 8;
        private static final int WIDTH = 80;

        @Parameters(
                arity = "0..1",
                paramLabel = "MODEL",
                description = "a configured name, or the path of a GGUF file")
        private @Nullable String model;

        @Option(
                names = "--json",
                description = "print one JSON object: all of it, tensors too; sizes in bytes")
        private boolean json;

        @Option(names = "--metadata", description = "list the metadata too")
        private boolean metadata;

        @Option(names = "--tensors", description = "list the tensors too: type, extents, role")
        private boolean tensors;

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
            try (GgufFile file = GgufFile.openAvailable(chosen.path())) {
                if (template) {
                    out.println(file.metadata().string("tokenizer.chat_template", ""));
                    return 0;
                }
                ModelInspection inspection = inspect(file, chosen);
                if (json) {
                    out.println(json(inspection, file));
                } else {
                    print(inspection, file, out);
                }
                return inspection.supported() ? 0 : NOT_SUPPORTED;
            } finally {
                out.flush();
            }
        }

        private static ModelInspection inspect(GgufFile file, ModelArgument chosen) {
            try (Wiring wiring = Wiring.plugins(chosen.configuration())) {
                return ModelInspector.inspect(file, chosen.settings(wiring));
            }
        }

        private static String json(ModelInspection inspection, GgufFile file) {
            JsonMapper mapper =
                    JsonMapper.builder()
                            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                            .enable(EnumFeature.WRITE_ENUMS_USING_TO_STRING)
                            .build();
            ObjectNode object = mapper.valueToTree(inspection);
            object.set("metadata", mapper.valueToTree(file.metadata().asMap(LONGEST_ARRAY)));
            return mapper.writeValueAsString(object);
        }

        private void print(ModelInspection inspection, GgufFile file, PrintWriter out) {
            out.print(ModelReport.of(inspection));
            if (metadata) {
                out.println("\nMetadata");
                out.print(metadata(file));
            }
            if (tensors) {
                out.println("\nTensors");
                out.print(ModelReport.tensors(inspection));
            }
            if (!metadata && !tensors) {
                out.println("\nAlso: --metadata, --tensors, --template, --json");
            }
        }

        private static TextTable metadata(GgufFile file) {
            GgufMetadata metadata = file.metadata();
            int names = metadata.keys().stream().mapToInt(String::length).max().orElse(0);
            TextTable table = new TextTable();
            for (String key : metadata.keys()) {
                table.row(key, shortened(metadata.describe(key), WIDTH - names - 4));
            }
            return table;
        }

        private static String shortened(String text, int most) {
            int room = Math.max(20, most);
            return text.length() <= room ? text : text.substring(0, room - 3) + "...";
        }
    }
}
