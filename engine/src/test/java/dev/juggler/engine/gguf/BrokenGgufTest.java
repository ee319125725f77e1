package dev.juggler.engine.gguf;

import static dev.juggler.engine.gguf.GgufValueType.ARRAY;
import static dev.juggler.engine.gguf.GgufValueType.BOOL;
import static dev.juggler.engine.gguf.GgufValueType.STRING;
import static dev.juggler.engine.gguf.GgufValueType.UINT8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Each kind of broken file is refused with what is wrong and where. */
class BrokenGgufTest {
    private static final Path NAME = Path.of("broken.gguf");
    private static final int VERSION = 4;
    private static final int TENSORS = 8;
    private static final int KEYS = 16;
    private static final int FIRST_KEY = 24;

    private static GgufException refused(byte[] file) {
        return assertThrows(
                GgufException.class, () -> GgufFile.of(NAME, MemorySegment.ofArray(file)));
    }

    private static void assertRefused(String problem, long offset, byte[] file) {
        GgufException refused = refused(file);
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.startsWith("broken.gguf: "), message);
        assertTrue(message.contains(problem), message);
        assertEquals(offset, refused.offset(), message);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] patched(GgufWriter writer, int offset, long value, int width) {
        byte[] file = writer.bytes();
        ByteBuffer.wrap(file)
                .put(
                        offset,
                        ByteBuffer.allocate(8)
                                .order(ByteOrder.LITTLE_ENDIAN)
                                .putLong(value)
                                .array(),
                        0,
                        width);
        return file;
    }

    private static GgufWriter small() {
        return new GgufWriter().uint32("a", 1);
    }

    @Test
    void otherFiles() {
        assertRefused("the header ends inside the magic number", 0, new byte[0]);
        assertRefused("starts with 50534b01", 0, bytes("PSK\u0001"));
        assertRefused("Git LFS pointer", 0, bytes("version https://git-lfs.github.com/spec/v1\n"));
    }

    @Test
    void versions() {
        assertRefused("version 1 is not", VERSION, patched(small(), VERSION, 1, 4));
        assertRefused("version 4 is not", VERSION, patched(small(), VERSION, 4, 4));
        assertRefused("big endian", VERSION, patched(small(), VERSION, 3 << 24, 4));
        assertEquals(2, small().version(2).parse().version());
    }

    @Test
    void counts() {
        assertRefused("the number of tensors is", TENSORS, patched(small(), TENSORS, -1, 8));
        assertRefused("the number of tensors is", TENSORS, patched(small(), TENSORS, 1 << 20, 8));
        assertRefused("number of metadata keys is", KEYS, patched(small(), KEYS, 1L << 62, 8));
        assertRefused("a metadata key is empty", 41, patched(small(), KEYS, 2, 8));
    }

    @Test
    void cutOffAnywhere() {
        byte[] whole = small().string("b", "text").tensor("t", new float[64], 64).bytes();
        for (int length = 0; length < whole.length; length++) {
            refused(Arrays.copyOf(whole, length));
        }
    }

    @Test
    void keys() {
        assertRefused("metadata key a is there twice", 41, small().uint32("a", 1).bytes());
        assertRefused("a metadata key is empty", FIRST_KEY, new GgufWriter().uint32("", 1).bytes());
        byte[] key = patched(small(), FIRST_KEY + 8, 0xff, 1);
        assertRefused("a metadata key is not well-formed UTF-8", FIRST_KEY, key);
        byte[] file = new GgufWriter().uint32("k".repeat(70_000), 1).bytes();
        assertRefused("the length of a metadata key is 70000", FIRST_KEY, file);
    }

    @Test
    void values() {
        int type = FIRST_KEY + 9;
        assertRefused(
                "the type of metadata key k is 13",
                type,
                new GgufWriter().value("k", 13, new byte[9]).bytes());
        assertRefused(
                "a bool is 2", type + 4, new GgufWriter().value("k", BOOL, new byte[] {2}).bytes());
        assertRefused(
                "the length of metadata key k is 9223372036854775807, at most",
                type + 4,
                patched(new GgufWriter().string("k", "v"), type + 4, Long.MAX_VALUE, 8));
        assertRefused(
                "the element type of metadata key k is 77",
                type + 4,
                patched(new GgufWriter().floats("k", 1), type + 4, 77, 4));
        assertRefused(
                "the number of elements of metadata key k is",
                type + 8,
                patched(new GgufWriter().floats("k", 1), type + 8, 1L << 61, 8));
        assertRefused(
                "the number of elements of metadata key k is",
                type + 8,
                new GgufWriter().array("k", STRING, 1 << 20, new byte[100]).bytes());
        byte[] nested = GgufWriter.array(UINT8, 1, new byte[1]);
        for (int depth = 0; depth < 1000; depth++) {
            nested = GgufWriter.array(ARRAY, 1, nested);
        }
        String message =
                String.valueOf(
                        refused(new GgufWriter().value("k", ARRAY, nested).bytes()).getMessage());
        assertTrue(message.contains("nested more than 8 deep"), message);
    }

    @Test
    void alignments() {
        for (int alignment : new int[] {0, 3, 48, -1, Integer.MIN_VALUE}) {
            GgufWriter writer = new GgufWriter().uint32("general.alignment", alignment);
            assertRefused("it must be a power of two", FIRST_KEY, writer.bytes());
        }
        GgufWriter text = new GgufWriter().string("general.alignment", "32");
        assertRefused("general.alignment is 32, it must", FIRST_KEY, text.bytes());
    }

    private static GgufWriter tensor(long... dimensions) {
        return new GgufWriter().tensor("t", DType.F32, new byte[64], dimensions);
    }

    @Test
    void tensorTables() {
        assertRefused("tensor t has 0 dimensions", FIRST_KEY, tensor().bytes());
        assertRefused("tensor t has 5 dimensions", FIRST_KEY, tensor(1, 1, 1, 1, 1).bytes());
        assertRefused("has dimension 1 of 0", FIRST_KEY, tensor(4, 0).bytes());
        assertRefused("has dimension 1 of 4", FIRST_KEY, tensor(1L << 62, 4).bytes());
        assertRefused("a dimension of t is 18446744073709551615", 37, tensor(-1).bytes());
        assertRefused("tensor t has 2305843009213693952 elements", 24, tensor(1L << 61).bytes());
        assertRefused("the length of a tensor name is 65", 24, named("t".repeat(65)).bytes());
        assertRefused("a tensor name is empty", FIRST_KEY, named("").bytes());
        assertRefused(
                "tensor t is there twice", 57, tensor(4).tensor("t", new float[4], 4).bytes());
        assertRefused(
                "rows of 128 elements, no whole number of Q4_K blocks of 256",
                FIRST_KEY,
                new GgufWriter().tensor("t", DType.Q4_K, new byte[144], 128, 2).bytes());
        assertRefused(
                "tensor t has 2048 elements of unknown type Q8_K in 64 bytes",
                FIRST_KEY,
                new GgufWriter().tensor("t", 15, new byte[64], 2048).bytes());
    }

    @Test
    void tensorPlaces() {
        int offset = FIRST_KEY + 9 + 4 + 8 + 4;
        assertRefused("at offset 16, no multiple of", 24, patched(tensor(4), offset, 16, 8));
        assertRefused(
                "needs 16 bytes from 1099511627776", 24, patched(tensor(4), offset, 1L << 40, 8));
        assertRefused("needs 16 bytes from 64 of the data", 24, patched(tensor(4), offset, 64, 8));
        assertRefused("the offset of t is 18446", offset, patched(tensor(4), offset, -32, 8));
        int second = FIRST_KEY + 33;
        GgufWriter two = tensor(16).tensor("u", new float[16], 16);
        byte[] overlapping = patched(two, second + 25, 32, 8);
        assertRefused("tensors t and u overlap at 32 of the data", second, overlapping);
        byte[] same = patched(two, second + 25, 0, 8);
        assertRefused("overlap at 0 of the data", second, same);
        GgufFile swapped =
                GgufFile.of(NAME, MemorySegment.ofArray(patched(two, second + 25, 64, 8)));
        assertEquals(64, swapped.tensor("u").offset() - swapped.tensor("t").offset());
    }

    private static GgufWriter named(String name) {
        return new GgufWriter().tensor(name, new float[4], 4);
    }
}
