package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.SECOND_TILE;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.TILE;

import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Tensor;

/** Matrix product and gated feed-forward: all rows go through the same weights. */
final class DenseProduct {
    /** Elements of x that are held at once; more rows go in rounds, each reading the weight. */
    private static final int MOST_INPUTS = 1 << 23;

    private final KernelContext context;
    private final Inputs inputs = new Inputs();
    private final Inputs inner = new Inputs();
    private final InputLoading loading;
    private final InputLoading innerLoading;
    private final Product product = new Product();
    private final GatedProduct gated = new GatedProduct();

    DenseProduct(KernelContext context) {
        this.context = context;
        loading = new InputLoading(context, inputs);
        innerLoading = new InputLoading(context, inner);
    }

    /** {@code out = x · weightᵀ}. */
    void multiply(Tensor out, Tensor x, Tensor weight) {
        int most = rowsAtOnce(x.columns());
        for (int first = 0; first < x.rows(); first += most) {
            int rows = Math.min(most, x.rows() - first);
            loading.load(x, first, rows, weight.dtype());
            product.run(out, first, rows, inputs, weight);
        }
    }

    /** {@code out = (act(x·gateᵀ) · (x·upᵀ)) · downᵀ}, the middle never leaving the arrays. */
    void feedForward(Tensor out, Tensor x, FeedForwardWeights weights) {
        int most = rowsAtOnce(Math.max(x.columns(), weights.gate().rows()));
        for (int first = 0; first < x.rows(); first += most) {
            int rows = Math.min(most, x.rows() - first);
            loading.load(x, first, rows, weights.gate().dtype(), weights.up().dtype());
            gated.run(rows, weights);
            innerLoading.round(rows, weights.gate().rows(), weights.down().dtype());
            product.run(out, first, rows, inner, weights.down());
        }
    }

    private static int rowsAtOnce(int columns) {
        return Math.max(Inputs.BLOCK, MOST_INPUTS / Inputs.stride(columns));
    }

    /** A piece is a run of weight rows with all rows of x. */
    private final class Product implements WorkerTask {
        private final WeightRows weight = new WeightRows();
        private Inputs left = inputs;
        private Tensor out = Operands.NO_TENSOR;
        private int firstOut;
        private int rows;
        private int weightRowsPerPiece;

        void run(Tensor out, int firstOut, int rows, Inputs left, Tensor weight) {
            this.weight.point(weight);
            this.out = out;
            this.firstOut = firstOut;
            this.rows = rows;
            this.left = left;
            int n = weight.rows();
            long work = KernelContext.rowWork(weight.columns(), rows);
            weightRowsPerPiece = context.weightRowsPerPiece(n, work, work * n);
            context.pool().run(this, (n + weightRowsPerPiece - 1) / weightRowsPerPiece);
        }

        @Override
        public void run(int index, int worker) {
            int n = weight.rows();
            int first = index * weightRowsPerPiece;
            int count = Math.min(weightRowsPerPiece, n - first);
            WorkerScratch scratch = context.scratch(worker);
            float[] tile = scratch.floats(TILE, rows * count);
            context.matrix().multiply(weight, first, count, left, 0, rows, tile, scratch);
            for (int j = 0; j < rows; j++) {
                long to = (long) (firstOut + j) * n + first;
                Operands.store(tile, j * count, out, to, count);
            }
        }
    }

    /** A piece is a run of rows of gate and up with all rows of x, and their activation. */
    private final class GatedProduct implements WorkerTask {
        private final WeightRows gate = new WeightRows();
        private final WeightRows up = new WeightRows();
        private GatedActivation activation = GatedActivation.SWIGLU;
        private int rows;
        private int weightRowsPerPiece;

        void run(int rows, FeedForwardWeights weights) {
            gate.point(weights.gate());
            up.point(weights.up());
            activation = weights.activation();
            this.rows = rows;
            int n = gate.rows();
            inner.shape(rows, n);
            for (int j = 0; j < rows; j++) {
                inner.clearPadding(j, n);
            }
            long work = 2 * KernelContext.rowWork(gate.columns(), rows);
            weightRowsPerPiece = context.weightRowsPerPiece(n, work, work * n);
            context.pool().run(this, (n + weightRowsPerPiece - 1) / weightRowsPerPiece);
        }

        @Override
        public void run(int index, int worker) {
            int first = index * weightRowsPerPiece;
            int count = Math.min(weightRowsPerPiece, gate.rows() - first);
            WorkerScratch scratch = context.scratch(worker);
            int size = Operands.padded(rows * count);
            float[] gates = scratch.floats(TILE, size);
            float[] ups = scratch.floats(SECOND_TILE, size);
            context.matrix().multiply(gate, first, count, inputs, 0, rows, gates, scratch);
            context.matrix().multiply(up, first, count, inputs, 0, rows, ups, scratch);
            Activations.gate(context.loops(), gates, ups, size, activation);
            for (int j = 0; j < rows; j++) {
                int to = inner.storedStart(j) + first;
                System.arraycopy(gates, j * count, inner.values(), to, count);
            }
        }
    }
}
