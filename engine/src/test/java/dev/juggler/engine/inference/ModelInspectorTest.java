package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.architecture.Architectures;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.EditableGguf;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufValueType;
import dev.juggler.engine.gguf.GgufWriter;
import dev.juggler.engine.inference.ModelInspection.CacheLayers;
import dev.juggler.engine.inference.ModelInspection.RoleShare;
import dev.juggler.engine.inference.ModelInspection.TypeShare;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem;
import dev.juggler.engine.model.ModelProblem.Kind;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is told of good files, bad ones, and ones of families that nobody knows. */
class ModelInspectorTest {
    private static final ModelSettings SETTINGS = settings("");

    private static ModelSettings settings(String more) {
        String block = "juggler.models.m { path = x, %s }".formatted(more);
        return ModelSettings.all(ConfigFactory.parseString(block)).getFirst();
    }

    private static EditableGguf demo() {
        try (GgufFile file = GgufFile.open(DemoModel.file())) {
            return EditableGguf.of(file);
        }
    }

    private static ModelInspection inspect(EditableGguf edited) {
        try (GgufFile file = edited.parse()) {
            return ModelInspector.inspect(file, SETTINGS);
        }
    }

    private static List<Kind> kinds(ModelInspection inspection) {
        return inspection.problems().stream().map(ModelProblem::kind).toList();
    }

    private static void assertTold(ModelInspection inspection, Kind kind, String... parts) {
        assertFalse(inspection.supported());
        String text =
                inspection.problems().stream()
                        .filter(problem -> problem.kind() == kind)
                        .findFirst()
                        .orElseThrow(() -> new AssertionError(inspection.problems()))
                        .text();
        for (String part : parts) {
            assertTrue(text.contains(part), text);
        }
    }

    @Test
    void goldenModelsAreSupportedAndAddUp() throws IOException {
        List<Path> paths;
        try (var files = Files.list(GoldenData.require("models"))) {
            paths = files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
        }
        int supported = 0;
        for (Path path : paths) {
            try (GgufFile file = GgufFile.open(path)) {
                ModelInspection told = ModelInspector.inspect(file, SETTINGS);
                boolean known = Architectures.builtIn().names().contains(file.architecture());
                assertEquals(known, told.supported(), path + ": " + told.problems());
                supported += told.supported() ? 1 : 0;
                assertEquals(
                        file.tensorBytes(),
                        told.roles().stream().mapToLong(RoleShare::bytes).sum());
                assertEquals(
                        file.tensorBytes(),
                        told.types().stream().mapToLong(TypeShare::bytes).sum());
                assertEquals(1, told.types().stream().mapToDouble(TypeShare::share).sum(), 1e-9);
                assertTrue(told.roles().stream().noneMatch(role -> role.role().equals("unknown")));
                assertNotNull(told.tokenizer());
            }
        }
        System.out.printf("golden models inspected: %d, supported: %d%n", paths.size(), supported);
        assertTrue(supported >= 36);
    }

    @Test
    void parametersAndCacheOfAGoldenModel() {
        // hidden 96, 2 layers, heads 4/2 of 32, 3 of 8 experts of 32, vocabulary 320
        try (GgufFile file = GgufFile.open(GoldenData.require("models/qwen3moe.Q4_0.gguf"))) {
            ModelInspection told = ModelInspector.inspect(file, settings("kv-type = f32"));
            long attention = 2 * (2L * 96 * 128 + 2L * 96 * 64 + 2 * 32);
            long others = 2L * 320 * 96 + 2 * 8 * 96 + 5 * 96;
            long expert = 3L * 96 * 32;
            assertEquals(attention + others + 2 * 8 * expert, told.parameters().total());
            assertEquals(attention + others + 2 * 3 * expert, told.parameters().active());
            assertEquals(8, told.parameters().experts());
            assertEquals(3, told.parameters().expertsUsed());
            ModelInspection.Cache cache = Objects.requireNonNull(told.cache());
            assertEquals("F32", cache.type());
            assertEquals(2 * (64 + 64) * 4, cache.bytesPerToken());
            assertEquals(1024 * cache.bytesPerToken(), cache.bytesPerKilotoken());
            assertEquals(
                    List.of(new CacheLayers("keys and values", "0-1", 2, 64, 64, 0)),
                    cache.layers());
            assertEquals("Q4_0", told.types().getFirst().type());
        }
    }

    @Test
    void windowsAreTold() {
        try (GgufFile file = GgufFile.open(GoldenData.require("models/gpt-oss.F32.gguf"))) {
            ModelInspection told = ModelInspector.inspect(file, SETTINGS);
            assertEquals(
                    List.of(
                            new CacheLayers("keys and values", "0,2", 2, 64, 64, 32),
                            new CacheLayers("keys and values", "1", 1, 64, 64, 0)),
                    Objects.requireNonNull(told.cache()).layers());
        }
    }

    @Test
    void unknownFamilyIsToldByCustom() {
        GgufWriter writer =
                new GgufWriter()
                        .string("general.architecture", "futura")
                        .uint32("futura.expert_count", 4)
                        .uint32("futura.expert_used_count", 1)
                        .tensor("token_embd.weight", new float[64], 8, 8)
                        .tensor("blk.0.ffn_up_exps.weight", new float[128], 8, 4, 4)
                        .tensor("blk.0.magic.weight", new float[8], 8);
        try (GgufFile file = writer.parse()) {
            ModelInspection told = ModelInspector.inspect(file, SETTINGS);
            assertTold(told, Kind.ARCHITECTURE, "\"futura\"", "qwen3moe");
            assertEquals(64 + 128 + 8, told.parameters().total());
            assertEquals(64 + 32 + 8, told.parameters().active());
            assertEquals(
                    List.of("embed", "experts", "unknown"),
                    told.roles().stream().map(RoleShare::role).toList());
            assertNull(told.cache());
        }
    }

    @Test
    void everyProblemIsToldAtOnce() {
        EditableGguf file = demo();
        file.tensors.remove("blk.0.attn_q.weight");
        file.tensors.remove("blk.1.ffn_up_exps.weight");
        EditableGguf.Tensor norm = Objects.requireNonNull(file.tensors.get("output_norm.weight"));
        file.tensors.put("blk.0.attn_q.bias", norm);
        file.tensors.put(
                "output_norm.weight", new EditableGguf.Tensor(40, norm.dimensions, norm.data));
        file.keys.put("tokenizer.ggml.pre", "no-such-rule");
        ModelInspection told = inspect(file);
        assertEquals(
                List.of(
                        Kind.MISSING_TENSOR,
                        Kind.MISSING_TENSOR,
                        Kind.TENSOR_TYPE,
                        Kind.UNKNOWN_TENSOR,
                        Kind.TOKENIZER),
                kinds(told));
        assertTold(told, Kind.MISSING_TENSOR, "blk.0.attn_q.weight");
        assertTold(told, Kind.TENSOR_TYPE, "output_norm.weight", "NVFP4");
        assertTold(told, Kind.UNKNOWN_TENSOR, "blk.0.attn_q.bias");
        assertTold(told, Kind.TOKENIZER, "no-such-rule");
        assertNotNull(told.cache(), "the keys tell it all the same");
        try (GgufFile parsed = file.parse()) {
            ModelException refusal =
                    assertThrows(
                            ModelException.class, () -> ModelLoader.builtIn().describe(parsed));
            assertEquals(told.problems().getFirst(), refusal.problem());
            String message = String.valueOf(refusal.getMessage());
            assertTrue(message.contains("and 3 more problems; juggler models show"), message);
        }
    }

    @Test
    void problemsThatAreAlikeAreToldOnce() {
        EditableGguf file = demo();
        file.keys.put("qwen3moe.block_count", 4096L);
        ModelInspection told = inspect(file);
        assertTrue(told.problems().size() <= 12, told.problems().toString());
        assertTold(told, Kind.MISSING_TENSOR, "blk.4.attn_norm.weight", "more like it");
        EditableGguf other = demo();
        other.tensors.replaceAll((name, tensor) ->
                name.contains("_exps")
                        ? new EditableGguf.Tensor(40, tensor.dimensions, tensor.data)
                        : tensor);
        ModelInspection typed = inspect(other);
        assertEquals(List.of(Kind.TENSOR_TYPE), kinds(typed));
        assertTold(typed, Kind.TENSOR_TYPE, "blk.0.ffn_gate_exps", "(and 11 more like it)");
    }

    @Test
    void templateTokenizerAndEmbeddingsAreLookedAt() {
        EditableGguf file = demo();
        file.keys.put("tokenizer.chat_template", "{% for m in messages %}");
        assertTold(inspect(file), Kind.CHAT_TEMPLATE, "the chat template cannot be read");
        file.keys.remove("tokenizer.chat_template");
        assertEquals("ChatML", Objects.requireNonNull(inspect(file).tokenizer()).chatTemplate());
        @SuppressWarnings("unchecked")
        List<String> tokens =
                (List<String>) Objects.requireNonNull(file.keys.get("tokenizer.ggml.tokens"));
        List<String> more = new java.util.ArrayList<>(tokens);
        more.add("one too many");
        file.keys.put("tokenizer.ggml.tokens", more);
        file.keys.remove("tokenizer.ggml.token_type");
        file.keys.remove("tokenizer.ggml.scores");
        String rows = "but token_embd.weight has %d rows".formatted(tokens.size());
        assertTold(inspect(file), Kind.TOKENIZER, "has %d tokens".formatted(more.size()), rows);
    }

    @Test
    void whatWouldChangeTheMathematicsIsRefused() {
        for (Object[] change :
                new Object[][] {
                    {"rope.scaling.type", "longrope", "longrope"},
                    {"expert_gating_func", 2L, "softmax"},
                    {"expert_gating_func", 9L, "expert_gating_func is 9"},
                    {"hidden_act", "gelu", "gelu"},
                    {"attention.causal", false, "attention.causal"},
                    {"attention.scale", 0.5f, "attention.scale = 0.5"},
                    {"embedding_scale", 12f, "embedding_scale"},
                    {"attention.sliding_window", 512L, "sliding_window"},
                    {"interleave_moe_layer_step", 2L, "interleave_moe_layer_step"},
                    {"some_new_thing", true, "some_new_thing"},
                }) {
            EditableGguf file = demo();
            file.keys.put("qwen3moe." + change[0], change[1]);
            assertTold(inspect(file), Kind.METADATA, String.valueOf(change[2]));
        }
        for (Object[] change :
                new Object[][] {
                    {"expert_gating_func", 1L},
                    {"hidden_act", "silu"},
                    {"attention.causal", true},
                    {"embedding_scale", 1f},
                    {"attention.sliding_window", 0L},
                    {"vocab_size", 4096L},
                    {"some_note", "made on a rainy day"},
                }) {
            EditableGguf file = demo();
            file.keys.put("qwen3moe." + change[0], change[1]);
            assertEquals(List.of(), inspect(file).problems(), change[0].toString());
        }
        EditableGguf adapter = demo();
        adapter.keys.put("general.type", "adapter");
        assertTold(inspect(adapter), Kind.ARCHITECTURE, "\"adapter\"");
    }

    @Test
    void partsThatAreMissingAreNamed(@TempDir Path folder) {
        for (int part = 0; part < 3; part++) {
            GgufWriter writer = new GgufWriter();
            if (part == 0) {
                writer.string("general.architecture", "qwen3");
            }
            writer.integer("split.no", GgufValueType.UINT16, part)
                    .integer("split.count", GgufValueType.UINT16, 3)
                    .integer("split.tensors.count", GgufValueType.INT32, 3)
                    .tensor("blk.%d.ffn_up.weight".formatted(part), new float[64], 8, 8)
                    .write(folder.resolve("m-%05d-of-00003.gguf".formatted(part + 1)));
        }
        Path first = folder.resolve("m-00001-of-00003.gguf");
        Path second = folder.resolve("m-00002-of-00003.gguf");
        assertTrue(second.toFile().delete());
        for (Path path : List.of(first, folder.resolve("m-00003-of-00003.gguf"))) {
            try (GgufFile file = GgufFile.openAvailable(path)) {
                ModelInspection told = ModelInspector.inspect(file, SETTINGS);
                assertTold(told, Kind.MISSING_PART, "1 of 3 parts", "m-00002-of-00003.gguf");
                assertEquals("qwen3", told.architecture());
                assertEquals(List.of(second.toString()), told.missing());
                assertEquals(128, told.parameters().total());
            }
        }
        assertTrue(first.toFile().delete());
        try (GgufFile file = GgufFile.openAvailable(folder.resolve("m-00003-of-00003.gguf"))) {
            ModelInspection told = ModelInspector.inspect(file, SETTINGS);
            assertEquals(List.of(Kind.MISSING_PART), kinds(told));
            assertEquals("", told.architecture());
        }
        String message =
                String.valueOf(
                        assertThrows(GgufException.class, () -> GgufFile.openAvailable(first))
                                .getMessage());
        assertTrue(message.contains("no such file"), message);
    }
}
