package dev.juggler.engine.gguf;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.juggler.kernel.DType;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Mutates headers of good files: whatever comes of it, the reader answers with a file whose every
 * value and byte can be read, or with a {@link GgufException}, in little time and memory.
 */
class GgufFuzzTest {
    private static final int CASES = 120_000;
    private static final int SMALL_SEEDS = 5;
    private static final long MOST_NANOSECONDS = 5_000_000_000L; // a busy machine included
    private static final Path WHOLE = Path.of("fuzz.gguf");
    private static final Path FIRST = Path.of("fuzz-00001-of-00002.gguf");
    private static final Path SECOND = Path.of("fuzz-00002-of-00002.gguf");
    private static final long[] INTERESTING = {
        0,
        1,
        2,
        3,
        7,
        8,
        9,
        12,
        13,
        31,
        32,
        33,
        63,
        64,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        Integer.MAX_VALUE - 1,
        Integer.MAX_VALUE,
        1L << 31,
        (1L << 32) - 1,
        1L << 32,
        1L << 61,
        (1L << 62) - 1,
        Long.MAX_VALUE - 31,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -32,
        -9,
        -8,
        -1
    };

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private int accepted;
    private int refused;
    private long mostBytes;
    private long mostNanoseconds;

    /** A good file: its header is mutated, its data (and other part) stay. */
    private static final class Seed {
        final byte[] whole;
        final int headerBytes;
        final byte[] other;

        Seed(byte[] whole, byte[] other) {
            this.whole = whole;
            this.other = other;
            Path path = other.length == 0 ? WHOLE : FIRST;
            GgufPart part = GgufPart.parse(path, MemorySegment.ofArray(whole));
            this.headerBytes =
                    part.tensors().isEmpty()
                            ? whole.length
                            : (int) part.tensors().getFirst().offset();
        }
    }

    @Test
    void mutatedHeadersAreReadOrRefused() {
        List<Seed> seeds = seeds();
        SplittableRandom random = new SplittableRandom(20_251_122);
        long start = System.nanoTime();
        for (int i = 0; i < CASES; i++) {
            // every 20th from all seeds; the others from the small ones, which are fast
            Seed seed = seeds.get(i % 20 == 0 ? i / 20 % seeds.size() : i % SMALL_SEEDS);
            byte[] mutated = mutate(seed, random);
            long allocated = threads.getCurrentThreadAllocatedBytes();
            long began = System.nanoTime();
            read(mutated, seed.other, i);
            mostNanoseconds = Math.max(mostNanoseconds, System.nanoTime() - began);
            mostBytes = Math.max(mostBytes, threads.getCurrentThreadAllocatedBytes() - allocated);
        }
        System.out.printf(
                "mutated GGUF headers: %d run from %d seeds in %.1f s, %d accepted, %d refused;"
                        + " at most %.1f ms and %.1f MB for one%n",
                CASES,
                seeds.size(),
                (System.nanoTime() - start) / 1e9,
                accepted,
                refused,
                mostNanoseconds / 1e6,
                mostBytes / 1e6);
        assertTrue(accepted > CASES / 100, "mutations must leave some files readable");
        assertTrue(refused > CASES / 10, "mutations must break files");
        assertTrue(
                mostNanoseconds < MOST_NANOSECONDS, "a case took %d ns".formatted(mostNanoseconds));
        assertTrue(mostBytes < 16 << 20, "a case allocated %d bytes".formatted(mostBytes));
    }

    private void read(byte[] mutated, byte[] other, int number) {
        MemorySegment memory = MemorySegment.ofArray(mutated);
        try (GgufFile file =
                other.length == 0
                        ? GgufFile.of(WHOLE, memory)
                        : GgufFile.read(
                                FIRST,
                                path -> {
                                    if (path.equals(FIRST)) {
                                        return memory;
                                    }
                                    if (path.equals(SECOND)) {
                                        return MemorySegment.ofArray(other);
                                    }
                                    throw new GgufException(path, -1, "there is no such file");
                                },
                                null)) {
            use(file);
            accepted++;
        } catch (GgufException e) {
            refused++;
        } catch (RuntimeException | Error e) {
            throw new AssertionError("case %d: %s".formatted(number, e), e);
        }
    }

    /** What an engine does with a file, and more. */
    private static void use(GgufFile file) {
        assertTrue(file.parameters() >= 0);
        assertTrue(file.tensorBytes() <= file.fileBytes());
        for (GgufTensor tensor : file.tensors()) {
            if (tensor.bytes() > 0) {
                tensor.data().get(ValueLayout.JAVA_BYTE, 0);
                tensor.data().get(ValueLayout.JAVA_BYTE, tensor.bytes() - 1);
            }
            assertTrue(tensor.knownDtype().isEmpty() || !tensor.typeName().isEmpty());
        }
        GgufMetadata metadata = file.metadata();
        assertTrue(metadata.asMap().size() == metadata.keys().size());
        for (String key : metadata.keys()) {
            assertTrue(!metadata.describe(key).isEmpty());
            attempt(() -> metadata.integers(key));
            attempt(() -> metadata.floats(key));
            attempt(() -> metadata.strings(key));
            attempt(() -> metadata.perLayer(key, 3));
        }
        assertTrue(!file.quantization().isEmpty());
    }

    private static void attempt(Runnable access) {
        try {
            access.run();
        } catch (GgufException e) {
            assertTrue(String.valueOf(e.getMessage()).contains("expected"));
        }
    }

    private static byte[] mutate(Seed seed, SplittableRandom random) {
        byte[] file = seed.whole.clone();
        int times = 1 + random.nextInt(random.nextInt(4) + 1);
        for (int i = 0; i < times; i++) {
            int at = random.nextInt(Math.min(seed.headerBytes, file.length));
            switch (random.nextInt(6)) {
                case 0 -> file[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> file[at] = (byte) random.nextInt();
                case 2, 3 -> putInteresting(file, at, random);
                case 4 -> file = splice(file, at, seed, random);
                default -> {
                    if (random.nextInt(8) == 0) {
                        file = Arrays.copyOf(file, random.nextInt(file.length) + 1);
                    } else {
                        putInteresting(file, random.nextInt(24), random);
                    }
                }
            }
            if (file.length == 0) {
                return file;
            }
        }
        return file;
    }

    private static void putInteresting(byte[] file, int at, SplittableRandom random) {
        long value = INTERESTING[random.nextInt(INTERESTING.length)];
        int width = 1 << random.nextInt(4);
        for (int i = 0; i < width && at + i < file.length; i++) {
            file[at + i] = (byte) (value >>> (8 * i));
        }
    }

    /** Removes, repeats or copies a run of the header; what follows moves. */
    private static byte[] splice(byte[] file, int at, Seed seed, SplittableRandom random) {
        int length = Math.min(1 + random.nextInt(64), file.length - at);
        int from = random.nextInt(Math.min(seed.headerBytes, file.length));
        byte[] run = Arrays.copyOfRange(file, from, Math.min(from + length, file.length));
        int removed = random.nextBoolean() ? length : 0;
        int added = random.nextInt(3) == 0 ? 0 : run.length;
        byte[] spliced = new byte[file.length - removed + added];
        System.arraycopy(file, 0, spliced, 0, at);
        System.arraycopy(run, 0, spliced, at, added);
        System.arraycopy(file, at + removed, spliced, at + added, file.length - at - removed);
        return spliced;
    }

    private static List<Seed> seeds() {
        List<Seed> seeds = new ArrayList<>();
        seeds.add(new Seed(everyValueType(3).bytes(), new byte[0]));
        seeds.add(new Seed(everyValueType(2).bytes(), new byte[0]));
        seeds.add(new Seed(model().bytes(), new byte[0]));
        seeds.add(new Seed(model().alignment(64).bytes(), new byte[0]));
        seeds.add(
                new Seed(
                        split(model(), 0).bytes(),
                        split(new GgufWriter(), 1).tensor("z", new float[8], 8).bytes()));
        for (String name : List.of("qwen3moe-k.IQ1_S.gguf", "qwen3moe.MXFP4.gguf")) {
            GoldenData.folder()
                    .map(folder -> folder.resolve("models").resolve(name))
                    .filter(Files::isRegularFile)
                    .ifPresentOrElse(
                            path -> seeds.add(new Seed(bytes(path), new byte[0])),
                            () -> System.out.println("SKIPPED: golden model as a seed: " + name));
        }
        return seeds;
    }

    private static byte[] bytes(Path path) {
        try {
            return Files.readAllBytes(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static GgufWriter everyValueType(int version) {
        GgufWriter writer = new GgufWriter().version(version);
        byte[] pair = GgufWriter.array(GgufValueType.UINT8, 2, new byte[] {1, 2});
        byte[] text = GgufWriter.text("inner");
        byte[] texts = GgufWriter.array(GgufValueType.STRING, 1, text);
        for (GgufValueType type : GgufValueType.values()) {
            if (type.isInteger()) {
                writer.integer("scalar." + type, type, 3).integers("array." + type, type, 1, 2, 3);
            }
        }
        return writer.float32("scalar.float32", 1e-6f)
                .value("scalar.float64", GgufValueType.FLOAT64, new byte[8])
                .bool("scalar.bool", true)
                .string("scalar.string", "a text of some length, ä")
                .floats("array.float32", 1, 2, 3)
                .array("array.float64", GgufValueType.FLOAT64, 2, new byte[16])
                .array("array.bool", GgufValueType.BOOL, 3, new byte[] {1, 0, 1})
                .strings("array.string", List.of("", "b", "cc", "ddd"))
                .array("array.array", GgufValueType.ARRAY, 1, pair)
                .array("array.array.string", GgufValueType.ARRAY, 1, texts);
    }

    private static GgufWriter model() {
        return new GgufWriter()
                .string("general.architecture", "llama")
                .uint32("general.file_type", 7)
                .uint32("llama.block_count", 2)
                .float32("llama.rope.freq_base", 10_000)
                .strings("tokenizer.ggml.tokens", List.of("<s>", "a", "b", "ab"))
                .floats("tokenizer.ggml.scores", 0, -1, -2, -3)
                .tensor("token_embd.weight", DType.Q8_0, new byte[34 * 2 * 4], 64, 4)
                .tensor("blk.0.attn_norm.weight", new float[64], 64)
                .tensor("blk.0.ffn_gate_exps.weight", DType.Q4_0, new byte[18 * 2 * 6], 64, 2, 3)
                .tensor("blk.0.unknown", 77, new byte[64], 32, 2)
                .tensor("output.weight", DType.Q4_K, new byte[144], 256, 1);
    }

    private static GgufWriter split(GgufWriter writer, int number) {
        return writer.integer("split.no", GgufValueType.UINT16, number)
                .integer("split.count", GgufValueType.UINT16, 2)
                .integer("split.tensors.count", GgufValueType.INT32, 6);
    }
}
