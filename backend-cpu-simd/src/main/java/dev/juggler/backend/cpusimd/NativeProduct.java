package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** The operands of a matrix product as native kernels read them: {@code struct product}. */
final class NativeProduct {
    private static final StructLayout LAYOUT =
            MemoryLayout.structLayout(
                    ValueLayout.JAVA_LONG.withName("weight"),
                    ValueLayout.JAVA_LONG.withName("row_bytes"),
                    ValueLayout.JAVA_LONG.withName("x"),
                    ValueLayout.JAVA_LONG.withName("x_stride"),
                    ValueLayout.JAVA_LONG.withName("out"),
                    ValueLayout.JAVA_LONG.withName("out_stride"),
                    ValueLayout.JAVA_LONG.withName("bias"),
                    ValueLayout.JAVA_INT.withName("type"),
                    ValueLayout.JAVA_INT.withName("columns"),
                    ValueLayout.JAVA_INT.withName("layout"));

    private static final long WEIGHT = offset("weight");
    private static final long ROW_BYTES = offset("row_bytes");
    private static final long X = offset("x");
    private static final long X_STRIDE = offset("x_stride");
    private static final long OUT = offset("out");
    private static final long OUT_STRIDE = offset("out_stride");
    private static final long BIAS = offset("bias");
    private static final long TYPE = offset("type");
    private static final long COLUMNS = offset("columns");
    private static final long ROW_LAYOUT = offset("layout");

    private final MemorySegment memory = Arena.ofAuto().allocate(LAYOUT);

    private static long offset(String field) {
        return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
    }

    /** Which weight, and the bias of its rows, one for each. */
    NativeProduct weight(Tensor weight, @Nullable Tensor bias) {
        setLong(WEIGHT, Operands.address(weight));
        setLong(ROW_BYTES, weight.rowBytes());
        setLong(BIAS, bias == null ? 0 : Operands.address(bias));
        memory.set(ValueLayout.JAVA_INT, TYPE, weight.dtype().ggmlId());
        memory.set(ValueLayout.JAVA_INT, COLUMNS, weight.columns());
        return this;
    }

    NativeProduct x(NativeRows rows) {
        setLong(X, rows.address());
        setLong(X_STRIDE, rows.stride());
        memory.set(ValueLayout.JAVA_INT, ROW_LAYOUT, rows.layout().number());
        return this;
    }

    /** Where results go, rows {@code stride} floats apart. */
    NativeProduct out(long address, long stride) {
        setLong(OUT, address);
        setLong(OUT_STRIDE, stride);
        return this;
    }

    long address() {
        return memory.address();
    }

    private void setLong(long offset, long value) {
        memory.set(ValueLayout.JAVA_LONG, offset, value);
    }
}
