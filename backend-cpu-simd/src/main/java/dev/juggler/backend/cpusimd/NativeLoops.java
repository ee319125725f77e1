package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The innermost loops in C (loops.c), for what is no product of rounded activations: exact mode,
 * latent attention, types that native products do not know.
 *
 * <p>They need no Vector API. A JVM that is started with that incubating module cannot use all of
 * its cache of a start, so it goes without where these serve.
 */
final class NativeLoops implements LaneKernels {
    /** Quantized types whose blocks are read as they are, see types.h. */
    static final Set<DType> DECODED =
            Collections.unmodifiableSet(
                    EnumSet.of(
                            DType.Q4_0,
                            DType.Q4_1,
                            DType.Q5_0,
                            DType.Q5_1,
                            DType.Q8_0,
                            DType.Q2_K,
                            DType.Q3_K,
                            DType.Q4_K,
                            DType.Q5_K,
                            DType.Q6_K,
                            DType.IQ4_NL,
                            DType.IQ4_XS,
                            DType.MXFP4,
                            DType.TQ2_0));

    private static final int NO_SECOND = -1;

    private final int set;
    private final LaneKernels plain = new ScalarKernels();

    NativeLoops(NativeLibrary.Set set) {
        this.set = set.number();
    }

    // A class each: linking a call takes milliseconds, and a start that needs none should pay for
    // none. The compiler turns a call through a handle into a direct one where it is a constant.

    private static final class Dots {
        static final MethodHandle CALL = NativeLibrary.loops().dots();
    }

    private static final class AddWeighted {
        static final MethodHandle CALL = NativeLibrary.loops().addWeighted();
    }

    private static final class Exponentials {
        static final MethodHandle CALL = NativeLibrary.loops().exponentials();
    }

    private static final class Gate {
        static final MethodHandle CALL = NativeLibrary.loops().gate();
    }

    private static final class Decode {
        static final MethodHandle CALL = NativeLibrary.loops().decode();
    }

    @Override
    public CodeLoops codes() {
        return plain.codes();
    }

    @Override
    public @Nullable RowDecoder decoder(DType dtype) {
        RowDecoder other = plain.decoder(dtype);
        if (!DECODED.contains(dtype) || other == null) {
            return other;
        }
        int type = dtype.ggmlId();
        return (source, offset, target, at, elements, scratch) -> {
            if (source.isNative()) {
                decode(type, source.address() + offset, elements, target, at);
            } else {
                other.decode(source, offset, target, at, elements, scratch);
            }
        };
    }

    private void decode(int type, long blocks, int elements, float[] target, int at) {
        try {
            Decode.CALL.invokeExact(set, type, blocks, elements, MemorySegment.ofArray(target), at);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    @Override
    public void dotPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            int at) {
        dots(w, wAt, stride, PANEL_ROWS, x, first, second, length, lanes, at);
    }

    @Override
    public void dots(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int length,
            float[] lanes,
            int at) {
        dots(w, wAt, stride, PANEL_ROWS, x, first, NO_SECOND, length, lanes, at);
    }

    @Override
    public void dot(float[] w, int wAt, float[] x, int first, int length, float[] lanes, int at) {
        dots(w, wAt, 0, 1, x, first, NO_SECOND, length, lanes, at);
    }

    private void dots(
            float[] w,
            int wAt,
            int stride,
            int rows,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            int at) {
        try {
            Dots.CALL.invokeExact(
                    set,
                    MemorySegment.ofArray(w),
                    wAt,
                    stride,
                    rows,
                    MemorySegment.ofArray(x),
                    first,
                    second,
                    length,
                    MemorySegment.ofArray(lanes),
                    at);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    @Override
    public void addWeightedRows(
            float[] factors,
            int factorsAt,
            int count,
            float[] rows,
            int rowsAt,
            int stride,
            float[] sums,
            int sumsAt,
            int width) {
        try {
            AddWeighted.CALL.invokeExact(
                    set,
                    MemorySegment.ofArray(factors),
                    factorsAt,
                    count,
                    MemorySegment.ofArray(rows),
                    rowsAt,
                    stride,
                    MemorySegment.ofArray(sums),
                    sumsAt,
                    width);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    @Override
    public void exp(float[] values, int at, int count, float minus) {
        try {
            Exponentials.CALL.invokeExact(set, MemorySegment.ofArray(values), at, count, minus);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    @Override
    public void gate(
            float[] gate,
            int gateAt,
            float[] up,
            int upAt,
            int count,
            float alpha,
            float limit,
            float shift) {
        try {
            Gate.CALL.invokeExact(
                    set,
                    MemorySegment.ofArray(gate),
                    gateAt,
                    MemorySegment.ofArray(up),
                    upAt,
                    count,
                    alpha,
                    limit,
                    shift);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }
}
