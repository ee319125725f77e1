package dev.juggler.engine.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.MeasuredHardware;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.EditableGguf;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.inference.ModelInspection;
import dev.juggler.engine.inference.ModelInspector;
import dev.juggler.engine.inference.ModelOutline;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem.Kind;
import dev.juggler.engine.placement.PlacementException;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Good files of every family with some keys and tensors missing, of another type, or absurd: one
 * clear error each time or a model that is consistent, and little memory.
 */
class MetadataFuzzTest {
    private static final int CASES_PER_FILE = 150;
    private static final long MOST_BYTES = 64L << 20;
    private static final List<Object> ABSURD =
            List.of(
                    0L,
                    1L,
                    2L,
                    3L,
                    7L,
                    64L,
                    65_537L,
                    -1L,
                    (long) Integer.MAX_VALUE,
                    (long) Integer.MIN_VALUE,
                    1L << 40,
                    Long.MAX_VALUE,
                    Long.MIN_VALUE,
                    BigInteger.TWO.pow(64).subtract(BigInteger.ONE),
                    0f,
                    -1f,
                    1e-30f,
                    1e30f,
                    Float.NaN,
                    Float.POSITIVE_INFINITY,
                    Float.NEGATIVE_INFINITY,
                    true,
                    false,
                    "",
                    "none",
                    "yarn",
                    "x".repeat(10_000),
                    "{% for %}{{",
                    List.of(),
                    List.of(1L, 2L, 3L),
                    List.of(0.5f, Float.NaN),
                    List.of("a", "", "b"));

    private final ModelSettings settings =
            ModelSettings.all(ConfigFactory.parseString("juggler.models.m.path = x")).getFirst();
    private final Map<String, Integer> refusals = new TreeMap<>();
    private int cases;
    private int unreadable;
    private int accepted;

    @Test
    void everyFamily() {
        SplittableRandom seeds = new SplittableRandom(TestSeed.of("fuzzed metadata"));
        try (Devices devices = new Devices(List.of(new ReferenceBackend()))) {
            for (Map.Entry<String, List<EditableGguf>> family : files(seeds).entrySet()) {
                for (EditableGguf good : family.getValue()) {
                    try (GgufFile file = good.parse()) {
                        ModelInspection whole = ModelInspector.inspect(file, settings);
                        assertEquals(List.of(), whole.problems(), family.getKey());
                    }
                    for (int i = 0; i < CASES_PER_FILE; i++) {
                        tryOne(good, family.getKey(), seeds.nextLong(), devices);
                    }
                }
            }
        }
        System.out.printf(
                "fuzzed metadata: %d cases, %d accepted, %d no GGUF files, refused: %s%n",
                cases, accepted, unreadable, refusals);
        assertTrue(refusals.size() >= 6, refusals.toString());
    }

    private void tryOne(EditableGguf good, String family, long seed, Devices devices) {
        Random random = new Random(seed);
        EditableGguf bad = good.copy();
        List<String> changes = new ArrayList<>();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            changes.add(random.nextInt(4) > 0 ? changeKey(bad, random) : changeTensor(bad, random));
        }
        String what = "%s, seed %d: %s".formatted(family, seed, changes);
        cases++;
        long before = allocated();
        try (GgufFile file = bad.parse()) {
            before = allocated();
            look(file, what, devices);
        } catch (GgufException e) {
            unreadable++;
            assertTrue(String.valueOf(e.getMessage()).startsWith("test.gguf: "), e.getMessage());
        } catch (RuntimeException | Error e) {
            throw new AssertionError(what, e);
        }
        long bytes = allocated() - before;
        assertTrue(bytes < MOST_BYTES, what + ": allocated " + bytes);
    }

    /** Loading, planning and looking must agree on whether it is a model. */
    private void look(GgufFile file, String what, Devices devices) {
        ModelInspection inspection = ModelInspector.inspect(file, settings);
        try {
            ModelOutline.of(
                            settings,
                            file,
                            ModelLoader.builtIn(),
                            MeasuredHardware.forLoading(devices))
                    .plan();
            accepted++;
            run(file, devices);
            long left =
                    inspection.problems().stream()
                            .filter(problem ->
                                    !problem.kind().toString().matches("tokenizer|chat-template"))
                            .count();
            assertEquals(0, left, what + inspection.problems());
        } catch (ModelException e) {
            refusals.merge(e.problem().kind().toString(), 1, Integer::sum);
            assertEquals(inspection.problems().getFirst(), e.problem(), what);
            assertTrue(String.valueOf(e.getMessage()).startsWith("test.gguf: "), e.getMessage());
            assertTrue(e.problem().text().length() > 20, e.getMessage());
            if (e.problem().kind() == Kind.METADATA) { // names the key and what it says
                assertTrue(
                        e.problem()
                                .text()
                                .matches("(?s).*(metadata key \\S+ is |not supported with ).*"),
                        e.getMessage());
            }
        } catch (InferenceException | PlacementException e) {
            refusals.merge("memory", 1, Integer::sum);
        }
    }

    /** A model that is accepted computes something. */
    private static void run(GgufFile file, Devices devices) {
        try (PlacedModel model =
                        ModelLoader.builtIn().load(file, WeightDevices.all("reference"), devices);
                SequenceRunner runner = new SequenceRunner(model, DType.F16, 3, 2)) {
            int[] rows = new int[1];
            runner.run(new int[] {1, 2, 0}, true, (position, logits) -> rows[0]++);
            assertEquals(3, rows[0]);
        }
    }

    private static String changeKey(EditableGguf file, Random random) {
        List<String> keys = new ArrayList<>(file.keys.keySet());
        String key = keys.get(random.nextInt(keys.size()));
        switch (random.nextInt(6)) {
            case 0 -> {
                file.keys.remove(key);
                return "without " + key;
            }
            case 1 -> {
                if (file.keys.get(key) instanceof Number number) {
                    file.keys.put(key, number.longValue() + random.nextInt(5) - 2);
                }
            }
            case 2 -> {
                String other = keys.get(random.nextInt(keys.size()));
                file.keys.put(key, file.keys.getOrDefault(other, 0L));
            }
            case 3 -> {
                String family = String.valueOf(file.keys.get("general.architecture"));
                key =
                        family
                                + "."
                                + List.of("attention.scale", "mystery", "rope.x")
                                        .get(random.nextInt(3));
                file.keys.put(key, ABSURD.get(random.nextInt(ABSURD.size())));
            }
            case 4 -> {
                if (file.keys.get(key) instanceof List<?> list && !list.isEmpty()) {
                    file.keys.put(key, List.copyOf(list.subList(0, random.nextInt(list.size()))));
                }
            }
            default -> file.keys.put(key, ABSURD.get(random.nextInt(ABSURD.size())));
        }
        String value = String.valueOf(file.keys.get(key));
        return key + " = " + value.substring(0, Math.min(40, value.length()));
    }

    private static String changeTensor(EditableGguf file, Random random) {
        List<String> names = new ArrayList<>(file.tensors.keySet());
        String name = names.get(random.nextInt(names.size()));
        EditableGguf.Tensor tensor = file.tensors.get(name);
        if (tensor == null) {
            return "nothing";
        }
        List<Long> dimensions = new ArrayList<>(tensor.dimensions);
        switch (random.nextInt(5)) {
            case 0 -> {
                file.tensors.remove(name);
                return "without " + name;
            }
            case 1 -> {
                file.tensors.put(name + "_2", tensor);
                return "with " + name + "_2";
            }
            case 2 -> Collections.reverse(dimensions);
            case 3 -> dimensions.set(0, Math.max(1, dimensions.getFirst() / 2));
            default -> {
                int type = random.nextBoolean() ? 40 : DType.F16.ggmlId();
                file.tensors.put(name, new EditableGguf.Tensor(type, dimensions, tensor.data));
                return name + " of type " + type;
            }
        }
        file.tensors.put(name, new EditableGguf.Tensor(tensor.typeId, dimensions, tensor.data));
        return name + " of " + dimensions;
    }

    /** Two drawn models of each family, and its golden ones, which have tokenizers. */
    private static Map<String, List<EditableGguf>> files(SplittableRandom seeds) {
        Map<String, List<EditableGguf>> files = new LinkedHashMap<>();
        for (String family : Architectures.builtIn().names().stream().sorted().toList()) {
            for (int i = 0; i < 2; i++) {
                try (GgufFile file = new RandomModel(family, seeds.nextLong()).file().parse()) {
                    EditableGguf drawn = EditableGguf.of(file);
                    addTokenizer(drawn);
                    files.computeIfAbsent(family, f -> new ArrayList<>()).add(drawn);
                }
            }
        }
        Optional<Path> golden = GoldenData.folder().map(folder -> folder.resolve("models"));
        if (golden.isEmpty()) {
            System.out.println("SKIPPED: golden models to be fuzzed: there is no golden data");
            return files;
        }
        try (Stream<Path> paths = Files.list(golden.get())) {
            for (Path path :
                    paths.filter(p -> p.toString().endsWith(".F32.gguf")).sorted().toList()) {
                try (GgufFile file = GgufFile.open(path)) {
                    List<EditableGguf> known = files.get(file.architecture());
                    if (known != null) {
                        known.add(EditableGguf.of(file));
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return files;
    }

    /** Letters alone; enough to be a tokenizer. */
    private static void addTokenizer(EditableGguf file) {
        List<String> letters = new ArrayList<>();
        for (char letter = '!'; letter < '!' + 32; letter++) {
            letters.add(String.valueOf(letter));
        }
        file.keys.put("tokenizer.ggml.model", "gpt2");
        file.keys.put("tokenizer.ggml.pre", "gpt-2");
        file.keys.put("tokenizer.ggml.tokens", letters);
        file.keys.put("tokenizer.ggml.merges", List.of());
        file.keys.put("tokenizer.ggml.eos_token_id", 3L);
    }

    private static long allocated() {
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        return threads.getCurrentThreadAllocatedBytes();
    }
}
