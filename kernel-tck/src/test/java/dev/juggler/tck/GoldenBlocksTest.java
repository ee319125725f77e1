package dev.juggler.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.quant.BlockFormat;
import dev.juggler.kernel.quant.BlockFormats;
import dev.juggler.kernel.quant.Quantizers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Holds the formats and quantizers against blocks that independent engines wrote, bit for bit. */
class GoldenBlocksTest {
    private static final int ROW = 256;

    @Test
    void everyGoldenBlockIsDecodedBitForBit() throws IOException {
        Path folder = GoldenData.require("dequant");
        Set<DType> seen = EnumSet.of(DType.F32);
        int rows = 0;
        for (Path raw : files(folder, ".bin")) {
            DType dtype = DType.valueOf(raw.getFileName().toString().replace(".bin", ""));
            byte[] bytes = Files.readAllBytes(raw);
            float[] expected = floats(folder.resolve(dtype + ".f32"));
            assertEquals(dtype.bytes(expected.length), bytes.length, dtype + " bytes");
            assertDecodes(dtype, bytes, expected);
            rows += expected.length / ROW;
            seen.add(dtype);
        }
        System.out.printf(
                "golden blocks: %d types, %d rows of %d run and equal bit for bit%n",
                seen.size() - 1, rows, ROW);
        assertEquals(BlockFormats.types(), seen, "every format has golden blocks");
    }

    @Test
    void quantizersWriteTheGoldenBytes() throws IOException {
        Path folder = GoldenData.require("dequant");
        int rows = 0;
        for (Path source : files(folder, ".src.f32")) {
            DType dtype = DType.valueOf(source.getFileName().toString().replace(".src.f32", ""));
            float[] values = floats(source);
            byte[] expected = Files.readAllBytes(folder.resolve(dtype + ".bin"));
            byte[] written = new byte[(int) dtype.bytes(values.length)];
            Quantizers.of(dtype)
                    .quantize(values, 0, MemorySegment.ofArray(written), 0, values.length);
            for (int i = 0; i < written.length; i++) {
                assertEquals(expected[i], written[i], dtype + " byte " + i);
            }
            rows += values.length / ROW;
        }
        System.out.printf("golden quantizer rows: %d run and equal byte for byte%n", rows);
        assertTrue(rows >= 16, rows + " rows, expected Q8_0 and Q4_0 with 8 each");
    }

    private static void assertDecodes(DType dtype, byte[] bytes, float[] expected) {
        BlockFormat format = BlockFormats.of(dtype);
        // At an odd address and an odd index, as a part of a larger file would be.
        byte[] shifted = new byte[bytes.length + 1];
        System.arraycopy(bytes, 0, shifted, 1, bytes.length);
        MemorySegment source = MemorySegment.ofArray(shifted);
        float[] decoded = new float[expected.length + 3];
        format.dequantize(source, 1, decoded, 3, expected.length);
        assertBits(dtype, expected, decoded, 3);

        float[] copied = new float[expected.length];
        MemorySegment target = MemorySegment.ofArray(copied);
        format.dequantize(source, 1, target, 0, expected.length, new float[3 * 256 + 5]);
        assertBits(dtype, expected, copied, 0);
    }

    private static void assertBits(DType dtype, float[] expected, float[] actual, int offset) {
        for (int i = 0; i < expected.length; i++) {
            int at = i;
            assertEquals(
                    Float.floatToRawIntBits(expected[i]),
                    Float.floatToRawIntBits(actual[offset + i]),
                    () ->
                            "%s row %d element %d: %s, not %s"
                                    .formatted(
                                            dtype,
                                            at / ROW,
                                            at % ROW,
                                            actual[offset + at],
                                            expected[at]));
        }
    }

    private static List<Path> files(Path folder, String ending) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
        }
    }

    private static float[] floats(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        float[] values = new float[bytes.capacity() / Float.BYTES];
        bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }
}
