package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.KEYS;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.QUERIES;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.TILE;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.WEIGHTED;

import dev.juggler.kernel.Tensor;
import java.util.Arrays;

/** Matrix products in which every head has its own weight, straight and transposed. */
final class HeadProduct {
    private final KernelContext context;
    private final Straight straight;
    private final Transposed transposed;

    HeadProduct(KernelContext context) {
        this.context = context;
        straight = new Straight();
        transposed = new Transposed();
    }

    /** See {@link dev.juggler.kernel.Kernels#matmulByHead}. */
    void multiply(Tensor out, Tensor x, Tensor stack, int first) {
        straight.multiply(out, x, stack, first);
    }

    /** See {@link dev.juggler.kernel.Kernels#matmulByHeadTransposed}. */
    void multiplyTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        transposed.multiply(out, x, stack, first);
    }

    /** A piece is a run of weight rows of one head with all its rows of x. */
    private final class Straight implements WorkerTask {
        private final Inputs inputs = new Inputs();
        private final InputLoading loading = new InputLoading(context, inputs);
        private final WeightRows weight = new WeightRows();
        private int[] index = new int[0];
        private Tensor out = Operands.NO_TENSOR;
        private int first;
        private int rows;
        private int heads;
        private int rowsPerPiece;
        private int pieces;

        void multiply(Tensor out, Tensor x, Tensor stack, int first) {
            this.out = out;
            this.first = first;
            heads = stack.count();
            rows = out.rows() / heads;
            weight.point(stack);
            loading.load(x, 0, x.rows());
            // In the order of their heads, since those go through the same weight.
            index = Operands.grown(index, out.rows());
            boolean shared = x.rows() == rows;
            for (int head = 0; head < heads; head++) {
                for (int row = 0; row < rows; row++) {
                    index[head * rows + row] = shared ? row : row * heads + head;
                }
            }
            inputs.pick(index);
            int n = out.columns();
            long work = KernelContext.rowWork(stack.columns(), rows);
            rowsPerPiece = context.weightRowsPerPiece(n, work, work * n * heads);
            pieces = (n + rowsPerPiece - 1) / rowsPerPiece;
            context.pool().run(this, heads * pieces);
        }

        @Override
        public void run(int task, int worker) {
            int head = task / pieces;
            int from = task % pieces * rowsPerPiece;
            int n = out.columns();
            int count = Math.min(rowsPerPiece, n - from);
            WorkerScratch scratch = context.scratch(worker);
            float[] tile = scratch.floats(TILE, rows * count);
            long weightRow = (long) head * weight.rows() + first + from;
            context.matrix()
                    .multiply(weight, weightRow, count, inputs, head * rows, rows, tile, scratch);
            for (int row = 0; row < rows; row++) {
                long to = ((long) row * heads + head) * n + from;
                Operands.store(tile, row * count, out, to, count);
            }
        }
    }

    /** A piece is a run of rows of one head; weight rows are decoded a few at a time and added. */
    private final class Transposed implements WorkerTask {
        /** Weight rows that are decoded together: 16 of 512 elements stay in the L1 cache. */
        private static final int DECODED = 16;

        private static final int MOST_ROWS = 64;

        private final WeightRows weight = new WeightRows();
        private Tensor out = Operands.NO_TENSOR;
        private Tensor x = Operands.NO_TENSOR;
        private int first;
        private int rows;
        private int heads;
        private int pieces;

        void multiply(Tensor out, Tensor x, Tensor stack, int first) {
            this.out = out;
            this.x = x;
            this.first = first;
            heads = stack.count();
            rows = out.rows() / heads;
            weight.point(stack);
            pieces = (rows + MOST_ROWS - 1) / MOST_ROWS;
            context.pool().run(this, heads * pieces);
        }

        @Override
        public void run(int task, int worker) {
            int head = task / pieces;
            int firstRow = task % pieces * MOST_ROWS;
            int count = Math.min(MOST_ROWS, rows - firstRow);
            WorkerScratch scratch = context.scratch(worker);
            int n = x.columns();
            int width = Operands.padded(out.columns());
            float[] factors = scratch.floats(QUERIES, count * n);
            boolean shared = x.rows() == rows;
            for (int row = 0; row < count; row++) {
                int source = shared ? firstRow + row : (firstRow + row) * heads + head;
                Operands.load(x, (long) source * n, factors, row * n, n);
            }
            float[] sums = scratch.floats(WEIGHTED, count * width);
            Arrays.fill(sums, 0, count * width, 0f);
            float[] decoded = scratch.floats(KEYS, DECODED * width);
            for (int done = 0; done < n; done += DECODED) {
                int length = Math.min(DECODED, n - done);
                decode((long) head * weight.rows() + first + done, length, decoded, scratch);
                for (int row = 0; row < count; row++) {
                    context.loops()
                            .addWeightedRows(
                                    factors,
                                    row * n + done,
                                    length,
                                    decoded,
                                    0,
                                    width,
                                    sums,
                                    row * width,
                                    width);
                }
            }
            for (int row = 0; row < count; row++) {
                long to = ((long) (firstRow + row) * heads + head) * out.columns();
                Operands.store(sums, row * width, out, to, out.columns());
            }
        }

        private void decode(long weightRow, int count, float[] target, WorkerScratch scratch) {
            RowDecoder decoder = context.matrix().decoder(weight.dtype());
            int columns = weight.columns();
            int width = Operands.padded(columns);
            for (int i = 0; i < count; i++) {
                for (int done = 0; done < columns; done += WorkerScratch.RUN) {
                    int length = Math.min(WorkerScratch.RUN, columns - done);
                    long from = weight.rowStart(weightRow + i) + weight.dtype().bytes(done);
                    int at = i * width + done;
                    decoder.decode(weight.memory(), from, target, at, length, scratch);
                }
                Arrays.fill(target, i * width + columns, (i + 1) * width, 0f);
            }
        }
    }
}
