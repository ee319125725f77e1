package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.NativeKernels.RowLayout;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Tensor;

/** Matrix product and gated feed-forward by native kernels: all rows go through the same weight. */
final class NativeDense {
    /** Elements that are held between steps; more rows go in rounds. */
    private static final int MOST_ELEMENTS = 1 << 22;

    private static final int LEAST_ROWS = 64;

    private final NativeWork work;
    private final NativeRows x;
    private final NativeRows secondX;
    private final NativeRows inner;
    private final NativeMemory gates = new NativeMemory();
    private final NativeMemory ups = new NativeMemory();
    private final Product product = new Product();
    private final Gated gated = new Gated();

    NativeDense(NativeWork work) {
        this.work = work;
        x = new NativeRows(work.context(), work.kernels());
        secondX = new NativeRows(work.context(), work.kernels());
        inner = new NativeRows(work.context(), work.kernels());
    }

    void multiply(Tensor out, Tensor x, Tensor weight) {
        int most = rowsAtOnce(x.columns());
        for (int first = 0; first < x.rows(); first += most) {
            int rows = Math.min(most, x.rows() - first);
            load(this.x, x, first, rows, work.kernels().layout(weight.dtype(), rows));
            product.run(out, first, rows, this.x, weight);
        }
    }

    void feedForward(Tensor out, Tensor x, FeedForwardWeights weights) {
        int width = weights.gate().rows();
        int most = rowsAtOnce(Math.max(x.columns(), width));
        for (int first = 0; first < x.rows(); first += most) {
            int rows = Math.min(most, x.rows() - first);
            RowLayout forGate = work.kernels().layout(weights.gate().dtype(), rows);
            RowLayout forUp = work.kernels().layout(weights.up().dtype(), rows);
            load(this.x, x, first, rows, forGate);
            if (forUp != forGate) {
                load(secondX, x, first, rows, forUp);
            }
            gated.run(rows, this.x, forUp == forGate ? this.x : secondX, weights);
            RowLayout forDown = work.kernels().layout(weights.down().dtype(), rows);
            inner.load(forDown, gates.address(), pitch(width), rows, width);
            product.run(out, first, rows, inner, weights.down());
        }
    }

    private static void load(NativeRows target, Tensor x, int first, int rows, RowLayout layout) {
        long from = Operands.address(x) + (long) first * x.columns() * Float.BYTES;
        target.load(layout, from, x.columns(), rows, x.columns());
    }

    /**
     * Floats between rows of {@code width} that are ours: rows must not compete for places in a
     * cache.
     */
    private static int pitch(int width) {
        return width + 16;
    }

    private static int rowsAtOnce(int columns) {
        return Math.max(LEAST_ROWS, MOST_ELEMENTS / columns);
    }

    /** A piece is a run of weight rows with all rows of x. */
    private final class Product implements WorkerTask {
        private final NativeProduct product = new NativeProduct();
        private int xCount;

        void run(Tensor out, int firstOut, int xCount, NativeRows left, Tensor weight) {
            this.xCount = xCount;
            int n = weight.rows();
            long to = Operands.address(out) + (long) firstOut * n * Float.BYTES;
            product.weight(weight, null).x(left).out(to, n);
            long rowWork = NativeWork.rowWork(weight.rowBytes(), weight.columns(), xCount);
            work.clear();
            work.cut(0, n, rowWork, n * rowWork);
            work.run(this);
        }

        @Override
        public void run(int piece, int worker) {
            int first = work.first(piece);
            work.kernels()
                    .multiply(
                            product.address(),
                            first,
                            work.count(piece),
                            first,
                            0,
                            0,
                            xCount,
                            work.scratch(worker));
        }
    }

    /** A piece is a run of rows of gate and up with all rows of x, and their activation. */
    private final class Gated implements WorkerTask {
        private final NativeProduct gate = new NativeProduct();
        private final NativeProduct up = new NativeProduct();
        private GatedActivation activation = GatedActivation.SWIGLU;
        private int xCount;

        void run(int xCount, NativeRows forGate, NativeRows forUp, FeedForwardWeights weights) {
            this.xCount = xCount;
            activation = weights.activation();
            Tensor weight = weights.gate();
            int n = weight.rows();
            int pitch = pitch(n);
            long bytes = (long) xCount * pitch * Float.BYTES;
            gate.weight(weight, null).x(forGate).out(gates.reserve(bytes).address(), pitch);
            up.weight(weights.up(), null).x(forUp).out(ups.reserve(bytes).address(), pitch);
            long rowWork = 2 * NativeWork.rowWork(weight.rowBytes(), weight.columns(), xCount);
            work.clear();
            work.cut(0, n, rowWork, n * rowWork);
            work.run(this);
        }

        @Override
        public void run(int piece, int worker) {
            int first = work.first(piece);
            work.kernels()
                    .multiplyGated(
                            gate.address(),
                            up.address(),
                            activation,
                            first,
                            work.count(piece),
                            first,
                            0,
                            0,
                            xCount,
                            work.scratch(worker));
        }
    }
}
