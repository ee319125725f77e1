package dev.juggler.launcher.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.inference.ModelInspection;
import dev.juggler.engine.inference.ModelInspection.Ignored;
import dev.juggler.engine.inference.ModelInspection.Parameters;
import dev.juggler.engine.inference.ModelInspection.RoleShare;
import dev.juggler.engine.inference.ModelInspection.TypeShare;
import dev.juggler.engine.inference.ModelInspector;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.model.ModelProblem;
import dev.juggler.tck.GoldenData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What people read fits a terminal of 80 characters. */
class ModelReportTest {
    private static final Path DEMO =
            Path.of("src/main/resources/models/juggler-demo-moe-q8_0.gguf");

    private static ModelInspection inspect(Path path) {
        ModelSettings settings =
                ModelSettings.all(ConfigFactory.parseString("juggler.models.m.path = x"))
                        .getFirst();
        try (GgufFile file = GgufFile.openAvailable(path)) {
            return ModelInspector.inspect(file, settings);
        }
    }

    private static String narrow(ModelInspection model) {
        String text = ModelReport.of(model);
        (text + ModelReport.tensors(model))
                .lines()
                .forEach(line -> assertTrue(line.length() <= 80, line));
        return text;
    }

    @Test
    void theDemoModel() {
        String text = narrow(inspect(DEMO));
        assertTrue(text.startsWith("supported    yes\nfamily       qwen3moe\n"), text);
        assertTrue(text.contains("active per token (2 of 8 experts)"), text);
        assertTrue(text.contains(" per 1k tokens, "), text);
    }

    @Test
    void goldenModels() throws Exception {
        List<Path> paths;
        try (var files = Files.list(GoldenData.require("models"))) {
            paths = files.filter(file -> file.toString().endsWith(".gguf")).toList();
        }
        paths.forEach(path -> narrow(inspect(path)));
        System.out.printf("reports of golden models on 80 columns: %d%n", paths.size());
    }

    @Test
    void everyProblemHasItsParagraph() {
        String words = "a tensor that nobody knows, with a long name and a remedy ".repeat(4);
        ModelInspection model =
                new ModelInspection(
                        "",
                        "",
                        false,
                        List.of(
                                new ModelProblem(ModelProblem.Kind.METADATA, "one"),
                                new ModelProblem(ModelProblem.Kind.UNKNOWN_TENSOR, words)),
                        List.of("a.gguf"),
                        List.of(),
                        1L << 42,
                        3,
                        "none",
                        0,
                        new Parameters(1_000_000_000_000L, 999_999_999_999L, 65_536, 65_535),
                        List.of(new TypeShare("number 4294967295", 99_999, 1L << 50, 1L << 52, 1)),
                        List.of(
                                new RoleShare(
                                        "shared_expert",
                                        99_999,
                                        1L << 50,
                                        1L << 52,
                                        List.of("BF16", "F32", "IQ2_XXS", "IQ3_XXS", "Q4_K"))),
                        List.of(new Ignored("blk.92.", "predicts further tokens", 12, 1L << 33)),
                        null,
                        null,
                        List.of());
        String text = narrow(model);
        assertTrue(text.startsWith("supported    no\n  - one\n  - a tensor"), text);
        assertTrue(text.contains("\n    "), "further lines are indented");
        assertTrue(text.contains("family       unknown"), text);
        assertTrue(text.contains("BF16 F32 IQ2_XXS +2"), text);
        assertEquals(1, text.lines().filter(line -> line.startsWith("left out")).count());
    }
}
