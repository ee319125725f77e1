package dev.juggler.kernel.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Reads the fields of a block. Blocks are aligned to nothing. */
final class BlockBytes {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private BlockBytes() {}

    static int signedByte(MemorySegment source, long at) {
        return source.get(ValueLayout.JAVA_BYTE, at);
    }

    static int unsignedByte(MemorySegment source, long at) {
        return source.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
    }

    static int unsignedShort(MemorySegment source, long at) {
        return source.get(SHORT, at) & 0xFFFF;
    }

    static int int32(MemorySegment source, long at) {
        return source.get(INT, at);
    }

    /** Bits {@code [from, from + count)} of a value, as an unsigned number. */
    static int bits(int value, int from, int count) {
        return (value >>> from) & ((1 << count) - 1);
    }

    static float half(MemorySegment source, long at) {
        return Float.float16ToFloat(source.get(SHORT, at));
    }
}
