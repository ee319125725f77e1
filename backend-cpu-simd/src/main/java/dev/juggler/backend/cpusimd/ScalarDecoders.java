package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.quant.BlockFormat;
import dev.juggler.kernel.quant.BlockFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Decoders that copy the blocks to an array and run over it with plain loops: access to a memory
 * segment, element by element, is very slow until the compiler has seen it for a while.
 */
final class ScalarDecoders {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int BLOCK = 32;
    private static final int Q8_BYTES = DType.Q8_0.blockBytes();

    private ScalarDecoders() {}

    /** The decoder of a type that holds weights. */
    static RowDecoder of(DType dtype) {
        return switch (dtype) {
            case F32 -> ScalarDecoders::f32;
            case F16 -> ScalarDecoders::f16;
            case BF16 -> ScalarDecoders::bf16;
            case Q8_0 -> ScalarDecoders::q8;
            default -> general(BlockFormats.of(dtype));
        };
    }

    private static RowDecoder general(BlockFormat format) {
        return (source, offset, target, at, elements, scratch) ->
                format.dequantize(source, offset, target, at, elements);
    }

    private static void f32(
            MemorySegment source,
            long offset,
            float[] target,
            int at,
            int elements,
            WorkerScratch scratch) {
        MemorySegment.copy(source, FLOAT, offset, target, at, elements);
    }

    private static void f16(
            MemorySegment source,
            long offset,
            float[] target,
            int at,
            int elements,
            WorkerScratch scratch) {
        short[] halves = scratch.shorts;
        MemorySegment.copy(source, SHORT, offset, halves, 0, elements);
        for (int i = 0; i < elements; i++) {
            target[at + i] = Float.float16ToFloat(halves[i]);
        }
    }

    private static void bf16(
            MemorySegment source,
            long offset,
            float[] target,
            int at,
            int elements,
            WorkerScratch scratch) {
        short[] halves = scratch.shorts;
        MemorySegment.copy(source, SHORT, offset, halves, 0, elements);
        for (int i = 0; i < elements; i++) {
            target[at + i] = Float.intBitsToFloat(halves[i] << 16);
        }
    }

    private static void q8(
            MemorySegment source,
            long offset,
            float[] target,
            int at,
            int elements,
            WorkerScratch scratch) {
        byte[] bytes = scratch.bytes;
        int blocks = elements / BLOCK;
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, offset, bytes, 0, blocks * Q8_BYTES);
        for (int block = 0; block < blocks; block++) {
            int from = block * Q8_BYTES;
            float scale =
                    Float.float16ToFloat((short) ((bytes[from] & 0xFF) | (bytes[from + 1] << 8)));
            int to = at + block * BLOCK;
            for (int i = 0; i < BLOCK; i++) {
                target[to + i] = scale * bytes[from + 2 + i];
            }
        }
    }
}
