package dev.juggler.engine.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.Examination;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufValueType;
import dev.juggler.engine.gguf.GgufWriter;
import dev.juggler.engine.model.ModelException;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Files that are well formed but hold no model: one clear error each, and little memory. */
class BrokenModelTest {
    private static final long MOST_BYTES = 32L << 20;
    private static final List<Object> ABSURD =
            List.of(
                    0,
                    1,
                    3,
                    -1,
                    65_537,
                    Integer.MAX_VALUE,
                    Long.MAX_VALUE,
                    Long.MIN_VALUE,
                    0f,
                    -1f,
                    1e30f,
                    Float.NaN,
                    Float.POSITIVE_INFINITY,
                    true,
                    "",
                    "yarn");

    private int cases;
    private int refused;

    /** Loads or refuses with our exception; returns the refusal's message, empty if it loads. */
    private String load(GgufWriter writer) {
        cases++;
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (GgufFile file = writer.parse();
                Devices devices = new Devices(List.of(new ReferenceBackend()))) {
            long before = threads.getCurrentThreadAllocatedBytes();
            try (PlacedModel model =
                    ModelLoader.builtIn().load(file, WeightDevices.all("reference"), devices)) {
                assertTrue(model.model().vocabularySize() > 0);
                return "";
            } catch (ModelException e) {
                refused++;
                String message = String.valueOf(e.getMessage());
                assertTrue(message.startsWith(file.path().toString()), message);
                return message;
            } finally {
                long allocated = threads.getCurrentThreadAllocatedBytes() - before;
                assertTrue(allocated < MOST_BYTES, "allocated " + allocated);
            }
        }
    }

    private void report(String what) {
        System.out.printf("broken models, %s: %d cases, %d refused%n", what, cases, refused);
        assertTrue(refused > 0);
    }

    private static List<RandomModel> models() {
        return Architectures.builtIn().names().stream()
                .sorted()
                .flatMap(family -> List.of(3L, 8L).stream().map(s -> new RandomModel(family, s)))
                .toList();
    }

    @Test
    void keysThatAreMissingOrAbsurd() {
        for (RandomModel model : models()) {
            assertEquals("", load(model.file()));
            for (String key : model.keys().keySet()) {
                Map<String, Object> keys = new LinkedHashMap<>(model.keys());
                keys.remove(key);
                load(model.file(keys));
                for (Object value : ABSURD) {
                    keys.put(key, value);
                    load(model.file(keys));
                }
            }
        }
        report("keys");
    }

    @Test
    void errorsNameKeyAndValue() {
        RandomModel model = new RandomModel("qwen3moe", 1);
        Map<String, Object> keys = new LinkedHashMap<>(model.keys());
        keys.put("block_count", 2_000_000_000);
        String message = load(model.file(keys));
        assertTrue(message.contains("qwen3moe.block_count is 2000000000"), message);
        keys.remove("block_count");
        message = load(model.file(keys));
        assertTrue(message.contains("qwen3moe.block_count is missing"), message);
        keys.put("block_count", "many");
        message = load(model.file(keys));
        assertTrue(message.contains("qwen3moe.block_count is string \"many\""), message);
    }

    @Test
    void tensorsThatAreMissingOrDifferent() {
        for (RandomModel model : models()) {
            for (String name : List.copyOf(model.tensors.keySet())) {
                RandomModel.Weight weight = Objects.requireNonNull(model.tensors.remove(name));
                String message = load(model.file());
                if (!mayBeMissing(model, name)) {
                    assertTrue(message.contains(name) && message.contains("missing"), message);
                }
                int[] other = weight.dimensions.clone();
                other[0]++;
                int count = Arrays.stream(other).reduce(1, Math::multiplyExact);
                model.tensors.put(name, new RandomModel.Weight(new float[count], other));
                message = load(model.file());
                // a wider embedding is refused by the first tensor that is as wide as the keys say
                assertTrue(message.contains(name) && message.contains("expected ["), message);
                model.tensors.put(name, weight);
            }
        }
        report("tensors");
    }

    /** Files of these families tell by their tensors what they have. */
    private static boolean mayBeMissing(RandomModel model, String name) {
        if (name.equals("output.weight")) {
            return true;
        }
        return switch (model.family) {
            case "llama" -> name.endsWith(".bias") || name.startsWith("rope_freqs");
            case "deepseek2" -> name.matches(".*exp_probs_b.*");
            case "glm4moe" -> name.matches("blk\\.0\\.attn_.*(bias|_norm.weight)|.*exp_probs_b.*");
            default -> false;
        };
    }

    @Test
    void whatNobodyUnderstandsIsRefused() {
        RandomModel model = new RandomModel("qwen3", 2);
        model.tensors.put("blk.0.attn_gate.weight", new RandomModel.Weight(new float[4], 2, 2));
        assertTrue(load(model.file()).contains("blk.0.attn_gate.weight"));
        model.tensors.remove("blk.0.attn_gate.weight");
        Map<String, Object> keys = new LinkedHashMap<>(model.keys());
        keys.put("attn_logit_softcapping", 50f);
        assertTrue(load(model.file(keys)).contains("qwen3.attn_logit_softcapping = 50.0"));
        keys.put("attn_logit_softcapping", 0f);
        assertEquals("", load(model.file(keys)));
        keys.put("rope.scaling.type", "longrope");
        assertTrue(load(model.file(keys)).contains("longrope"));
    }

    @Test
    void layersThatOnlyPredictAreLeftOut() {
        for (String family : List.of("deepseek2", "glm4moe")) {
            RandomModel model = new RandomModel(family, 6);
            String extra = "blk.%d.".formatted(model.layers);
            RandomModel.Weight norm =
                    Objects.requireNonNull(model.tensors.get("blk.0.attn_norm.weight"));
            model.tensors.put(extra + "attn_norm.weight", norm);
            model.tensors.put(extra + "nextn.enorm.weight", norm);
            Map<String, Object> keys = new LinkedHashMap<>(model.keys());
            assertTrue(load(model.file(keys)).contains(extra), "nobody said what it is for");
            keys.put("block_count", model.layers + 1);
            assertTrue(load(model.file(keys)).contains(extra), "it is no whole layer");
            keys.put("nextn_predict_layers", 1);
            assertEquals("", load(model.file(keys)));
            try (GgufFile file = model.file(keys).parse()) {
                Examination examined = ModelLoader.builtIn().examine(file);
                assertEquals("predicts further tokens (NextN)", examined.ignored().get(extra));
                assertEquals(
                        model.layers,
                        Objects.requireNonNull(examined.description()).kvLayers().size());
            }
        }
    }

    @Test
    void unknownFamilyIsRefusedWithTheKnown() {
        String message = load(new GgufWriter().string("general.architecture", "mamba"));
        assertTrue(message.contains("\"mamba\""), message);
        for (String known : Architectures.builtIn().names()) {
            assertTrue(message.contains(known), message);
        }
        message = load(new GgufWriter().string("general.name", "nothing"));
        assertTrue(message.contains("general.architecture is missing"), message);
    }

    @Test
    void typeWithoutKernelIsRefused() {
        RandomModel model = new RandomModel("qwen2", 4);
        GgufWriter writer = new GgufWriter().string("general.architecture", "qwen2");
        model.keys().forEach((key, value) -> RandomModel.put(writer, "qwen2." + key, value));
        model.tensors.forEach((name, weight) -> {
            if (name.equals("blk.0.attn_v.weight")) {
                byte[] integers = new byte[weight.values.length * Integer.BYTES];
                writer.tensor(name, DType.I32, integers, weight.extents());
            } else {
                writer.tensor(name, weight.values, weight.extents());
            }
        });
        String message = load(writer);
        assertTrue(message.contains("blk.0.attn_v.weight has type I32"), message);
        assertTrue(message.contains("not supported; use a file quantized"), message);
    }

    @Test
    void halfPrecisionNormIsRefused() {
        RandomModel model = new RandomModel("qwen2", 4);
        GgufWriter writer = new GgufWriter().string("general.architecture", "qwen2");
        model.keys().forEach((key, value) -> RandomModel.put(writer, "qwen2." + key, value));
        model.tensors.forEach((name, weight) -> {
            if (name.equals("output_norm.weight")) {
                byte[] halves = new byte[weight.values.length * 2];
                writer.tensor(name, DType.F16, halves, weight.extents());
            } else {
                writer.tensor(name, weight.values, weight.extents());
            }
        });
        String message = load(writer);
        assertTrue(message.contains("output_norm.weight has type F16, expected F32"), message);
    }

    @Test
    void deviceThatIsNotOpenIsNamed() {
        try (GgufFile file = new RandomModel("llama", 1).file().parse();
                Devices devices = new Devices(List.of(new ReferenceBackend()))) {
            RuntimeException e =
                    assertThrows(
                            BackendException.class,
                            () ->
                                    ModelLoader.builtIn()
                                            .load(file, WeightDevices.all("cuda:0"), devices));
            assertTrue(String.valueOf(e.getMessage()).contains("cuda:0"));
        }
    }

    @Test
    void layersMayRepeatOneNumber() {
        RandomModel model = new RandomModel("qwen3", 2);
        Map<String, Object> keys = new LinkedHashMap<>(model.keys());
        keys.remove("attention.head_count_kv");
        long[] same = new long[model.layers];
        Arrays.fill(same, model.kvHeads);
        GgufWriter writer =
                model.file(keys)
                        .integers("qwen3.attention.head_count_kv", GgufValueType.INT32, same);
        assertEquals("", load(writer));
        if (model.layers > 1) {
            same[0]++;
            String message =
                    load(
                            model.file(keys)
                                    .integers(
                                            "qwen3.attention.head_count_kv",
                                            GgufValueType.INT32,
                                            same));
            assertTrue(message.contains("head_count_kv"), message);
        }
    }
}
