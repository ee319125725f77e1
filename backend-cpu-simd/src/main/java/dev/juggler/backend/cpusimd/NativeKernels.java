package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.GatedActivation;
import java.lang.invoke.MethodHandle;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The native kernels of one instruction set; addresses are numbers, see {@link NativeLibrary}. */
final class NativeKernels {
    private static final NativeLibrary LIBRARY =
            NativeLibrary.find()
                    .orElseThrow(() -> new IllegalStateException(NativeLibrary.reason()));

    // The compiler turns a call through a handle into a direct one only where this is a constant.
    private static final MethodHandle ASK = LIBRARY.ask;
    private static final MethodHandle WORK = LIBRARY.work;

    /* Questions and tasks of library.c. */
    private static final long WORKER_BYTES = 4;
    private static final long STRIDE = 5;
    private static final long QUANTIZE = 0;
    private static final long MULTIPLY = 1;
    private static final long MULTIPLY_GATED = 2;
    private static final long COMBINE = 3;

    private static final Set<DType> FLOATS =
            Collections.unmodifiableSet(EnumSet.of(DType.F32, DType.F16, DType.BF16));

    /** Quantized types that are unpacked to bytes before they are multiplied, see types.h. */
    private static final Set<DType> UNPACKED =
            Collections.unmodifiableSet(
                    EnumSet.of(
                            DType.IQ1_S,
                            DType.IQ1_M,
                            DType.IQ2_XXS,
                            DType.IQ2_XS,
                            DType.IQ2_S,
                            DType.IQ3_XXS,
                            DType.IQ3_S,
                            DType.TQ1_0));

    private static final Set<DType> QUANTIZED = quantizedTypes();

    /**
     * Rows of x up to which tiles are not worth taking weights apart for; those of BF16 need not
     * be.
     */
    private static final int FEW_FOR_TILES = 24;

    private static final int FEW_FOR_BRAINS = 8;

    private final int set;
    private final boolean rounds;
    private final @Nullable RowLayout tiles;

    /**
     * @param exact whether activations stay F32
     * @param tiles what quantized weights are multiplied as on tile registers, for a set that has
     *     them, unless it is exact
     */
    NativeKernels(NativeLibrary.Set set, boolean exact, TilePrecision tiles) {
        this.set = set.number();
        rounds = !exact;
        this.tiles = set == NativeLibrary.Set.AMX && rounds ? tiles.layout : null;
    }

    private static Set<DType> quantizedTypes() {
        Set<DType> types = EnumSet.copyOf(NativeLoops.DECODED);
        types.addAll(UNPACKED);
        return Collections.unmodifiableSet(types);
    }

    /** What tile registers multiply. */
    enum TilePrecision {
        BF16(RowLayout.TILES_OF_BF16),
        INT8(RowLayout.TILES_OF_INT8);

        private final RowLayout layout;

        TilePrecision(RowLayout layout) {
            this.layout = layout;
        }
    }

    /** How activations are stored for a type of weight. */
    enum RowLayout {
        F32(0),
        BLOCKS_OF_32(1),
        BLOCKS_OF_256(2),
        TILES_OF_BF16(3),
        TILES_OF_INT8(4),
        TILES_OF_HALVES(5);

        /** Rows that lie together in layouts of tiles. */
        private static final int STRIP = 16;

        private final int number;

        RowLayout(int number) {
            this.number = number;
        }

        /** Its number in types.h. */
        int number() {
            return number;
        }

        /** Rows that lie together, which must begin at a multiple of this; 1 where none do. */
        int rowsTogether() {
            return compareTo(TILES_OF_BF16) < 0 ? 1 : STRIP;
        }

        /** That of one row, and of a few. */
        static RowLayout of(DType weight) {
            return switch (weight.blockElements()) {
                case 1 -> F32;
                case 32 -> BLOCKS_OF_32;
                default -> BLOCKS_OF_256;
            };
        }
    }

    /** How {@code rows} rows of activations are stored that are multiplied with a weight. */
    RowLayout layout(DType weight, int rows) {
        if (!rounds) {
            return RowLayout.F32;
        }
        if (tiles != null && weight == DType.BF16 && rows > FEW_FOR_BRAINS) {
            return RowLayout.TILES_OF_BF16;
        }
        if (tiles != null && rows > FEW_FOR_TILES) {
            if (QUANTIZED.contains(weight)) {
                return tiles;
            }
            if (weight == DType.F16) {
                return RowLayout.TILES_OF_HALVES;
            }
        }
        return RowLayout.of(weight);
    }

    /** True where any number of rows is stored alike for two types of weights. */
    boolean haveSameLayouts(DType one, DType other) {
        return layout(one, 1) == layout(other, 1)
                && layout(one, FEW_FOR_BRAINS + 1) == layout(other, FEW_FOR_BRAINS + 1)
                && layout(one, FEW_FOR_TILES + 1) == layout(other, FEW_FOR_TILES + 1);
    }

    /** Types of weights that are multiplied with F32 activations, when there are few. */
    static Set<DType> floats() {
        return FLOATS;
    }

    /** Types of weights that are multiplied with rounded activations. */
    static Set<DType> quantized() {
        return QUANTIZED;
    }

    /** Memory that a worker brings along, in bytes. */
    int scratchBytes() {
        try {
            return (int) (long) ASK.invokeExact(WORKER_BYTES, (long) set, 0L);
        } catch (Throwable e) {
            throw failed(e);
        }
    }

    /** Bytes between rows of activations. */
    long rowStride(RowLayout layout, int columns) {
        try {
            return (long) ASK.invokeExact(STRIDE, (long) layout.number(), (long) columns);
        } catch (Throwable e) {
            throw failed(e);
        }
    }

    /**
     * Brings rows of floats into a layout.
     *
     * @param x the first row, rows {@code xStride} floats apart
     * @param which which rows, 32 bits each, negative for one of zeros; 0: the first ones
     * @param out where the first goes, rows {@code outStride} bytes apart
     */
    void quantize(
            RowLayout layout,
            long x,
            long xStride,
            long which,
            int rows,
            int columns,
            long out,
            long stride) {
        work(QUANTIZE, layout.number(), x, xStride, which, rows, columns, out, stride, 0, 0, 0, 0);
    }

    /**
     * Multiplies weight rows {@code [first, first + rows)} of a product with some rows of x.
     *
     * @param product a {@link NativeProduct}
     * @param outColumn where the first weight row's result goes in a row of the result
     * @param xRows which rows of x, 32 bits each; 0: the first ones
     * @param outRows where their results go; 0: to the first rows
     */
    void multiply(
            long product,
            long first,
            int rows,
            int outColumn,
            long xRows,
            long outRows,
            int xCount,
            long scratch) {
        work(
                MULTIPLY, product, first, rows, outColumn, xRows, outRows, xCount, scratch, 0, 0, 0,
                0);
    }

    /** As {@link #multiply} for two weights: {@code gate.out = act(x · gateᵀ) · (x · upᵀ)}. */
    void multiplyGated(
            long gate,
            long up,
            GatedActivation activation,
            long first,
            int rows,
            int outColumn,
            long xRows,
            long outRows,
            int xCount,
            long scratch) {
        boolean clamped = activation.kind() == GatedActivation.Kind.CLAMPED_SWIGLU;
        float alpha = clamped ? activation.alpha() : 1f;
        float limit = clamped ? activation.limit() : Float.POSITIVE_INFINITY;
        float shift = clamped ? 1f : 0f;
        work(
                MULTIPLY_GATED,
                gate,
                up,
                first,
                rows,
                outColumn,
                xRows,
                outRows,
                xCount,
                Float.floatToRawIntBits(alpha),
                Float.floatToRawIntBits(limit),
                Float.floatToRawIntBits(shift),
                scratch);
    }

    /**
     * {@code out = Σ_j shares[j] · y[j]} over the {@code used} rows whose id is not negative.
     *
     * @param yStride floats between rows of y
     */
    void combine(long out, long y, long yStride, long shares, long ids, int used, int columns) {
        work(COMBINE, out, y, yStride, shares, ids, used, columns, 0, 0, 0, 0, 0);
    }

    /** All tasks are one call: linking one of another shape takes a hundredth of a second. */
    private void work(
            long task,
            long a,
            long b,
            long c,
            long d,
            long e,
            long f,
            long g,
            long h,
            long i,
            long j,
            long k,
            long l) {
        try {
            WORK.invokeExact(task, (long) set, a, b, c, d, e, f, g, h, i, j, k, l);
        } catch (Throwable failure) {
            throw failed(failure);
        }
    }

    /** Types that are decoded in C. */
    static boolean decodesRows(DType dtype) {
        return FLOATS.contains(dtype) || NativeLoops.DECODED.contains(dtype);
    }

    /** True unless activations stay F32. */
    boolean rounds() {
        return rounds;
    }

    /** Attention on this set. */
    NativeAttention attention() {
        return new NativeAttention(set);
    }

    /** A call of a native function throws nothing. */
    static IllegalStateException failed(Throwable e) {
        return new IllegalStateException("a native kernel could not be called", e);
    }
}
