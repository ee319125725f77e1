package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.quant.BlockFormats;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Each loop in the form that is faster at the moment; see {@link WarmSwitch}. */
final class AdaptiveKernels implements LaneKernels {
    private final LaneKernels scalar;
    private final LaneKernels vector;
    private final CodeLoops codes;
    private final Map<DType, RowDecoder> decoders = new EnumMap<>(DType.class);
    private final WarmSwitch pairs = new WarmSwitch();
    private final WarmSwitch singles = new WarmSwitch();
    private final WarmSwitch single = new WarmSwitch();
    private final WarmSwitch sums = new WarmSwitch();
    private final WarmSwitch scaled = new WarmSwitch();
    private final WarmSwitch maximums = new WarmSwitch();
    private final WarmSwitch totals = new WarmSwitch();
    private final WarmSwitch weighted = new WarmSwitch();
    private final WarmSwitch exponentials = new WarmSwitch();
    private final WarmSwitch gates = new WarmSwitch();

    AdaptiveKernels(LaneKernels scalar, LaneKernels vector) {
        this.scalar = scalar;
        this.vector = vector;
        codes = new AdaptiveCodeLoops(vector.codes());
        for (DType dtype : BlockFormats.types()) {
            RowDecoder plain = scalar.decoder(dtype);
            RowDecoder fast = vector.decoder(dtype);
            if (fast != null && plain != null) {
                decoders.put(dtype, new AdaptiveDecoder(plain, fast));
            } else if (plain != null) {
                decoders.put(dtype, plain);
            }
        }
    }

    @Override
    public CodeLoops codes() {
        return codes;
    }

    @Override
    public @Nullable RowDecoder decoder(DType dtype) {
        return decoders.get(dtype);
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
        boolean useVector = pairs.useVector();
        long start = pairs.isDecided() ? 0 : System.nanoTime();
        form(useVector).dotPairs(w, wAt, stride, x, first, second, length, lanes, at);
        if (start != 0) {
            pairs.took(useVector, length, System.nanoTime() - start);
        }
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
        boolean useVector = singles.useVector();
        long start = singles.isDecided() ? 0 : System.nanoTime();
        form(useVector).dots(w, wAt, stride, x, first, length, lanes, at);
        if (start != 0) {
            singles.took(useVector, length, System.nanoTime() - start);
        }
    }

    @Override
    public void dot(float[] w, int wAt, float[] x, int first, int length, float[] lanes, int at) {
        boolean useVector = single.useVector();
        long start = single.isDecided() ? 0 : System.nanoTime();
        form(useVector).dot(w, wAt, x, first, length, lanes, at);
        if (start != 0) {
            single.took(useVector, length, System.nanoTime() - start);
        }
    }

    @Override
    public void addLanes(float[] lanes, int count) {
        boolean useVector = sums.useVector();
        long start = sums.isDecided() ? 0 : System.nanoTime();
        form(useVector).addLanes(lanes, count);
        if (start != 0) {
            sums.took(useVector, count, System.nanoTime() - start);
        }
    }

    @Override
    public void scaledPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            float factor,
            float[] out,
            int firstOut,
            int secondOut) {
        boolean useVector = scaled.useVector();
        long start = scaled.isDecided() ? 0 : System.nanoTime();
        form(useVector)
                .scaledPairs(
                        w, wAt, stride, x, first, second, length, lanes, factor, out, firstOut,
                        secondOut);
        if (start != 0) {
            scaled.took(useVector, length, System.nanoTime() - start);
        }
    }

    @Override
    public float largest(float[] values, int at, int count) {
        boolean useVector = maximums.useVector();
        long start = maximums.isDecided() ? 0 : System.nanoTime();
        float largest = form(useVector).largest(values, at, count);
        if (start != 0) {
            maximums.took(useVector, count, System.nanoTime() - start);
        }
        return largest;
    }

    @Override
    public float sum(float[] values, int at, int count) {
        boolean useVector = totals.useVector();
        long start = totals.isDecided() ? 0 : System.nanoTime();
        float sum = form(useVector).sum(values, at, count);
        if (start != 0) {
            totals.took(useVector, count, System.nanoTime() - start);
        }
        return sum;
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
        boolean useVector = weighted.useVector();
        long start = weighted.isDecided() ? 0 : System.nanoTime();
        form(useVector)
                .addWeightedRows(
                        factors, factorsAt, count, rows, rowsAt, stride, sums, sumsAt, width);
        if (start != 0) {
            weighted.took(useVector, (long) count * width, System.nanoTime() - start);
        }
    }

    @Override
    public void exp(float[] values, int at, int count, float minus) {
        boolean useVector = exponentials.useVector();
        long start = exponentials.isDecided() ? 0 : System.nanoTime();
        form(useVector).exp(values, at, count, minus);
        if (start != 0) {
            exponentials.took(useVector, count, System.nanoTime() - start);
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
        boolean useVector = gates.useVector();
        long start = gates.isDecided() ? 0 : System.nanoTime();
        form(useVector).gate(gate, gateAt, up, upAt, count, alpha, limit, shift);
        if (start != 0) {
            gates.took(useVector, count, System.nanoTime() - start);
        }
    }

    private LaneKernels form(boolean useVector) {
        return useVector ? vector : scalar;
    }

    private static final class AdaptiveDecoder implements RowDecoder {
        private final RowDecoder scalar;
        private final RowDecoder vector;
        private final WarmSwitch speed = new WarmSwitch();

        AdaptiveDecoder(RowDecoder scalar, RowDecoder vector) {
            this.scalar = scalar;
            this.vector = vector;
        }

        @Override
        public void decode(
                MemorySegment source,
                long offset,
                float[] target,
                int at,
                int elements,
                WorkerScratch scratch) {
            boolean useVector = speed.useVector();
            long start = speed.isDecided() ? 0 : System.nanoTime();
            (useVector ? vector : scalar).decode(source, offset, target, at, elements, scratch);
            if (start != 0) {
                speed.took(useVector, elements, System.nanoTime() - start);
            }
        }
    }
}
