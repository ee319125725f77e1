package dev.juggler.kernel.quant;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Formats that store one number an element. */
enum PlainFormats implements BlockFormat {
    F32(DType.F32) {
        @Override
        public void dequantize(
                MemorySegment source, long offset, float[] target, int targetOffset, int elements) {
            MemorySegment.copy(source, FLOAT, offset, target, targetOffset, elements);
        }
    },
    F16(DType.F16) {
        @Override
        public void dequantize(
                MemorySegment source, long offset, float[] target, int targetOffset, int elements) {
            for (int i = 0; i < elements; i++) {
                target[targetOffset + i] = Float.float16ToFloat(source.get(SHORT, offset + 2L * i));
            }
        }
    },
    BF16(DType.BF16) {
        @Override
        public void dequantize(
                MemorySegment source, long offset, float[] target, int targetOffset, int elements) {
            for (int i = 0; i < elements; i++) {
                target[targetOffset + i] = BrainFloat.toFloat(source.get(SHORT, offset + 2L * i));
            }
        }
    };

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DType dtype;

    PlainFormats(DType dtype) {
        this.dtype = dtype;
    }

    @Override
    public DType dtype() {
        return dtype;
    }
}
