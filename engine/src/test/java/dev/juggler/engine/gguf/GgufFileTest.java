package dev.juggler.engine.gguf;

import static dev.juggler.engine.gguf.GgufValueType.ARRAY;
import static dev.juggler.engine.gguf.GgufValueType.BOOL;
import static dev.juggler.engine.gguf.GgufValueType.FLOAT64;
import static dev.juggler.engine.gguf.GgufValueType.INT16;
import static dev.juggler.engine.gguf.GgufValueType.INT32;
import static dev.juggler.engine.gguf.GgufValueType.INT64;
import static dev.juggler.engine.gguf.GgufValueType.INT8;
import static dev.juggler.engine.gguf.GgufValueType.UINT16;
import static dev.juggler.engine.gguf.GgufValueType.UINT32;
import static dev.juggler.engine.gguf.GgufValueType.UINT64;
import static dev.juggler.engine.gguf.GgufValueType.UINT8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.DType;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a well-formed file says, and how values are asked for. */
class GgufFileTest {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @TempDir private Path folder;

    @Test
    void readsEveryMetadataType() {
        byte[] inner = GgufWriter.array(INT16, 2, new byte[] {1, 0, (byte) 0xff, (byte) 0xff});
        byte[] twice = ByteBuffer.allocate(2 * inner.length).put(inner).put(inner).array();
        GgufMetadata metadata =
                new GgufWriter()
                        .integer("u8", UINT8, 255)
                        .integer("i8", INT8, -1)
                        .integer("u16", UINT16, 65_535)
                        .integer("i16", INT16, -2)
                        .integer("u32", UINT32, 4_294_967_295L)
                        .integer("i32", INT32, -3)
                        .integer("u64", UINT64, -1)
                        .integer("i64", INT64, Long.MIN_VALUE)
                        .float32("f32", 1.5f)
                        .value("f64", FLOAT64, new byte[] {0, 0, 0, 0, 0, 0, 4, 64})
                        .bool("yes", true)
                        .string("text", "grüß\u0000 dich 🤹")
                        .strings("texts", List.of("", "ä", "b"))
                        .floats("floats", 1, 2.5f)
                        .array("bools", BOOL, 2, new byte[] {1, 0})
                        .array("nested", ARRAY, 2, twice)
                        .array("empty", ARRAY, 0, new byte[0])
                        .parse()
                        .metadata();
        assertEquals(255, metadata.integer("u8"));
        assertEquals(-1, metadata.integer("i8"));
        assertEquals(65_535, metadata.integer("u16"));
        assertEquals(-2, metadata.integer("i16"));
        assertEquals(4_294_967_295L, metadata.integer("u32"));
        assertEquals(-3, metadata.integer("i32"));
        assertEquals(Long.MIN_VALUE, metadata.integer("i64"));
        assertEquals(2.5f, metadata.float32("f64"));
        assertTrue(metadata.bool("yes"));
        Map<String, Object> map = metadata.asMap();
        assertEquals(17, map.size());
        assertEquals(new BigInteger("18446744073709551615"), map.get("u64"));
        assertEquals("grüß\u0000 dich 🤹", map.get("text"));
        assertEquals(List.of("", "ä", "b"), map.get("texts"));
        assertEquals(List.of(1f, 2.5f), map.get("floats"));
        assertEquals(List.of(true, false), map.get("bools"));
        assertEquals(List.of(List.of(1L, -1L), List.of(1L, -1L)), map.get("nested"));
        assertEquals(List.of(), map.get("empty"));
        assertEquals(List.copyOf(metadata.keys()), List.copyOf(map.keySet()));
        assertFalse(metadata.asMap(2).containsKey("texts"));
        assertTrue(metadata.asMap(2).containsKey("bools"));
    }

    @Test
    void walksOverTextsOfAllLengths() {
        int[] lengths = {0, 1, 65_528, 0, 65_527, 65_529, 7, 131_072, 300_000, 1 << 24, 3};
        List<String> texts = new ArrayList<>();
        for (int repeat = 0; repeat < 2; repeat++) {
            for (int i = 0; i < 20_000; i++) {
                texts.add("x".repeat(i * 31 % 17));
            }
            for (int length : lengths) {
                texts.add("y".repeat(length));
            }
        }
        GgufMetadata metadata =
                new GgufWriter()
                        .strings("texts", texts)
                        .strings("one", List.of("z".repeat(70_000)))
                        .string("last", "found")
                        .parse()
                        .metadata();
        assertEquals(texts, metadata.asMap().get("texts"));
        assertEquals("found", metadata.string("last"));
    }

    @Test
    void convertsOnlyWhatIsMeant() {
        GgufMetadata metadata =
                new GgufWriter()
                        .integer("heads", UINT16, 8)
                        .integers("wide", UINT64, 1, 2, 3)
                        .integers("huge", UINT64, 1, -1)
                        .integer("u64", UINT64, -1)
                        .string("name", "x".repeat(1000))
                        .float32("eps", 1e-5f)
                        .parse()
                        .metadata();
        assertEquals(8, metadata.count("heads"));
        assertEquals(8f, metadata.float32("heads", 1));
        assertEquals(7, metadata.count("absent", 7));
        assertNull(metadata.stringOrNull("absent"));
        assertArrayEquals(new int[] {8, 8, 8}, metadata.perLayer("heads", 3));
        assertArrayEquals(new int[] {1, 2, 3}, metadata.perLayer("wide", 3));
        assertArrayEquals(new int[] {5, 5}, metadata.perLayer("absent", 2, 5));
        assertArrayEquals(new float[] {1, 2, 3}, metadata.floats("wide"));
        assertProblem("test.gguf: metadata key absent is missing", () -> metadata.string("absent"));
        assertProblem("key heads is uint16 8, expected a string", () -> metadata.string("heads"));
        assertProblem("key eps is float32 1.0E-5, expected an int", () -> metadata.integer("eps"));
        assertProblem("18446744073709551615, expected", () -> metadata.integer("u64"));
        assertProblem("\"xxx", () -> metadata.bool("name"));
        assertProblem("...\", expected a bool", () -> metadata.bool("name", true));
        assertProblem("[1, 2, 3], expected one integer", () -> metadata.perLayer("wide", 4));
        assertProblem("element 1 of metadata key huge", () -> metadata.integers("huge"));
        assertProblem("expected an array of strings", () -> metadata.strings("wide"));
        assertProblem("expected an array", () -> metadata.floats("heads"));
    }

    private static void assertProblem(String part, org.junit.jupiter.api.function.Executable call) {
        String message = String.valueOf(assertThrows(GgufException.class, call).getMessage());
        assertTrue(message.contains(part), message);
    }

    @Test
    void findsTensors() {
        GgufFile file =
                new GgufWriter()
                        .string("general.architecture", "llama")
                        .alignment(64)
                        .tensor("a", new float[] {1, 2, 3}, 3)
                        .tensor("b", DType.Q8_0, new byte[34 * 2 * 3], 64, 3)
                        .tensor("c", 40, new byte[100], 64, 2)
                        .tensor("d", new float[24], 2, 3, 4, 1)
                        .parse();
        assertEquals("llama", file.architecture());
        assertEquals(List.of("a", "b", "c", "d"), names(file));
        assertEquals(3f, file.tensor("a").data().get(FLOAT, 8));
        assertEquals(12, file.tensor("a").bytes());
        assertEquals(204, file.tensor("b").bytes());
        assertEquals(0, file.tensor("b").offset() % 64);
        assertEquals(List.of(64L, 3L), file.tensor("b").dimensions());
        assertEquals(1, file.tensor("b").dimension(2));
        assertEquals(128, file.tensor("c").bytes(), "all up to the next tensor");
        assertEquals(3 + 192 + 128 + 24, file.parameters());
        assertEquals("Q8_0", file.quantization());
        assertNull(file.find("e"));
        assertProblem("tensor e is missing", () -> file.tensor("e"));
        assertProblem("tensor c has type NVFP4, which", () -> file.tensor("c").dtype());
    }

    private static List<String> names(GgufFile file) {
        return file.tensors().stream().map(GgufTensor::name).toList();
    }

    @Test
    void namesTheQuantization() {
        GgufWriter named = new GgufWriter().uint32("general.file_type", 15);
        assertEquals("Q4_K_M", named.parse().quantization());
        GgufWriter unnamed = new GgufWriter().uint32("general.file_type", 999);
        assertEquals("none", unnamed.parse().quantization());
        assertEquals(
                "F32", new GgufWriter().tensor("a", new float[] {1}, 1).parse().quantization());
    }

    @Test
    void opensSplitFilesFromAnyPart() {
        writeParts("model", 3);
        for (int part = 1; part <= 3; part++) {
            try (GgufFile file =
                    GgufFile.open(folder.resolve("model-0000%d-of-00003.gguf".formatted(part)))) {
                assertEquals(List.of("t0", "t1", "t2"), names(file));
                assertEquals("llama", file.architecture());
                assertEquals(3, file.paths().size());
                for (int i = 0; i < 3; i++) {
                    GgufTensor tensor = file.tensor("t" + i);
                    assertEquals(i, tensor.data().get(FLOAT, 0));
                    assertEquals(file.paths().get(i), tensor.file());
                }
            }
        }
    }

    @Test
    void refusesPartsThatDoNotBelongTogether() throws IOException {
        writeParts("model", 3);
        Path first = folder.resolve("model-00001-of-00003.gguf");
        Path third = folder.resolve("model-00003-of-00003.gguf");
        part(2, 3, 3).tensor("t0", new float[] {1}, 1).write(third);
        assertProblem("tensor t0 is also in", () -> GgufFile.open(first));
        part(1, 3, 3).tensor("t2", new float[] {1}, 1).write(third);
        assertProblem("split.no is 1, expected 2", () -> GgufFile.open(first));
        part(2, 4, 3).tensor("t2", new float[] {1}, 1).write(third);
        assertProblem("split.count is 4, but the name says 3", () -> GgufFile.open(first));
        part(2, 3, 4).tensor("t2", new float[] {1}, 1).write(third);
        assertProblem("split.tensors.count is 4, expected 3", () -> GgufFile.open(first));
        part(2, 3, 3).write(third);
        assertProblem("split.tensors.count is 3, expected 2", () -> GgufFile.open(first));
        Files.delete(third);
        assertProblem(
                "1 of 3 parts of the model is missing: model-00003-of-00003.gguf; put it beside",
                () -> GgufFile.open(first));
        Path renamed = Files.move(first, folder.resolve("renamed.gguf"));
        assertProblem("one of 3 parts, so its name must end", () -> GgufFile.open(renamed));
        Path whole = folder.resolve("x-00001-of-00002.gguf");
        new GgufWriter().write(whole);
        assertProblem("split.count is 1, but the name says 2", () -> GgufFile.open(whole));
    }

    private void writeParts(String name, int count) {
        for (int i = 0; i < count; i++) {
            part(i, count, count)
                    .tensor("t" + i, new float[] {i}, 1)
                    .write(folder.resolve("%s-%05d-of-%05d.gguf".formatted(name, i + 1, count)));
        }
    }

    private static GgufWriter part(int number, int count, int tensors) {
        GgufWriter writer = new GgufWriter();
        if (number == 0) {
            writer.string("general.architecture", "llama");
        }
        return writer.integer("split.no", UINT16, number)
                .integer("split.count", UINT16, count)
                .integer("split.tensors.count", INT32, tensors);
    }

    @Test
    void readsBeyondTwoGigabytes() throws IOException {
        long rows = 3L << 20;
        byte[] header = new GgufWriter().tensor("big", DType.F32, new byte[0], 256, rows).bytes();
        Path path = folder.resolve("big.gguf");
        Files.write(path, header);
        try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
            sparse.setLength(header.length + rows * 1024);
            sparse.seek(sparse.length() - 4);
            sparse.write(GgufWriter.bytes(42));
        }
        try (GgufFile file = GgufFile.open(path)) {
            GgufTensor big = file.tensor("big");
            assertEquals(3L << 30, big.bytes());
            assertEquals(42f, big.data().get(FLOAT, big.bytes() - 4));
            assertEquals(0f, big.data().get(FLOAT, 1L << 31));
        }
    }

    @Test
    void refusesWhatIsNoFile() {
        assertProblem("there is no such file", () -> GgufFile.open(folder.resolve("none.gguf")));
        assertProblem("this is a folder", () -> GgufFile.open(folder));
    }
}
