package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.SECOND_TILE;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.TILE;

import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The feed-forward networks of all chosen experts and their weighted sum, in three rounds of
 * pieces: gate, up and activation; down; the sum. What lies between stays in arrays. The arithmetic
 * is that of the plain operations one after the other.
 */
final class ExpertFeedForward {
    /** Elements of the largest array between the rounds; more rows go one batch after another. */
    private static final int MOST_BETWEEN = 1 << 23;

    private final KernelContext context;
    private final ExpertGroups groups = new ExpertGroups();
    private final ExpertPieces pieces = new ExpertPieces();
    private final Inputs inputs = new Inputs();
    private final Inputs inner = new Inputs();
    private final InputLoading loading;
    private final InputLoading innerLoading;
    private final Upward upward = new Upward();
    private final Downward downward = new Downward();
    private final WeightedSum weightedSum;
    private int[] index = new int[0];
    private float[] results = new float[0];
    private float[] shares = new float[0];
    private Tensor out = Operands.NO_TENSOR;
    private int firstRow;

    ExpertFeedForward(KernelContext context) {
        this.context = context;
        loading = new InputLoading(context, inputs);
        innerLoading = new InputLoading(context, inner);
        weightedSum = new WeightedSum(context);
    }

    /** See {@link dev.juggler.kernel.Kernels#experts}. */
    void run(Tensor out, Tensor x, Tensor ids, Tensor routeWeights, ExpertWeights weights) {
        this.out = out;
        int widest = Math.max(Inputs.stride(weights.gate().rows()), Inputs.stride(x.columns()));
        int most = Math.max(1, MOST_BETWEEN / (widest * ids.columns()));
        for (int first = 0; first < x.rows(); first += most) {
            firstRow = first;
            int rows = Math.min(most, x.rows() - first);
            groups.sort(ids, first, rows, weights.gate().count());
            shares = Operands.grown(shares, groups.choices());
            long firstChoice = (long) first * ids.columns();
            Operands.load(routeWeights, firstChoice, shares, 0, groups.choices());
            loading.load(x, first, rows, weights.gate().dtype(), weights.up().dtype());
            upward.run(weights);
            innerLoading.round(groups.present(), weights.gate().rows(), weights.down().dtype());
            downward.run(weights);
            weightedSum.runRows(rows, (long) groups.used() * out.columns());
        }
    }

    /** Gate and up of a run of rows of one expert, with all rows that chose it. */
    private final class Upward implements WorkerTask {
        private final WeightRows gate = new WeightRows();
        private final WeightRows up = new WeightRows();
        private @Nullable ExpertWeights weights;

        void run(ExpertWeights weights) {
            this.weights = weights;
            gate.point(weights.gate());
            up.point(weights.up());
            index = Operands.grown(index, groups.present());
            for (int i = 0; i < groups.present(); i++) {
                index[i] = groups.order()[i] / groups.used();
            }
            inputs.pick(index);
            inner.shape(groups.present(), gate.rows());
            for (int i = 0; i < groups.present(); i++) {
                inner.clearPadding(i, gate.rows());
            }
            pieces.plan(context, groups, gate.rows(), 2 * gate.columns());
            context.pool().run(this, pieces.size());
        }

        @Override
        public void run(int piece, int worker) {
            ExpertWeights current = weights;
            if (current == null) {
                return;
            }
            int expert = pieces.expert(piece);
            int first = pieces.first(piece);
            int count = pieces.count(piece);
            int start = groups.start(expert);
            int size = groups.size(expert);
            WorkerScratch scratch = context.scratch(worker);
            int elements = Operands.padded(size * count);
            float[] gates = scratch.floats(TILE, elements);
            float[] ups = scratch.floats(SECOND_TILE, elements);
            long row = (long) expert * gate.rows() + first;
            context.matrix().multiply(gate, row, count, inputs, start, size, gates, scratch);
            context.matrix().multiply(up, row, count, inputs, start, size, ups, scratch);
            BiasRows.add(current.gateBias(), expert, first, gates, size, count, scratch);
            BiasRows.add(current.upBias(), expert, first, ups, size, count, scratch);
            Activations.gate(context.loops(), gates, ups, elements, current.activation());
            for (int j = 0; j < size; j++) {
                int to = inner.storedStart(start + j) + first;
                System.arraycopy(gates, j * count, inner.values(), to, count);
            }
        }
    }

    /** Down of a run of rows of one expert, with all rows that chose it. */
    private final class Downward implements WorkerTask {
        private final WeightRows down = new WeightRows();
        private @Nullable Tensor bias;

        void run(ExpertWeights weights) {
            down.point(weights.down());
            bias = weights.downBias();
            int size = Math.multiplyExact(groups.choices(), down.rows());
            results = Operands.grown(results, size);
            pieces.plan(context, groups, down.rows(), down.columns());
            context.pool().run(this, pieces.size());
        }

        @Override
        public void run(int piece, int worker) {
            int expert = pieces.expert(piece);
            int first = pieces.first(piece);
            int count = pieces.count(piece);
            int start = groups.start(expert);
            int size = groups.size(expert);
            WorkerScratch scratch = context.scratch(worker);
            float[] tile = scratch.floats(TILE, size * count);
            long row = (long) expert * down.rows() + first;
            context.matrix().multiply(down, row, count, inner, start, size, tile, scratch);
            BiasRows.add(bias, expert, first, tile, size, count, scratch);
            for (int j = 0; j < size; j++) {
                int to = groups.order()[start + j] * down.rows() + first;
                System.arraycopy(tile, j * count, results, to, count);
            }
        }
    }

    /** A row of the result: its choices' results times their shares. */
    private final class WeightedSum extends RowTask {
        WeightedSum(KernelContext context) {
            super(context);
        }

        @Override
        void row(int row, int worker) {
            int width = out.columns();
            float[] sum = context.scratch(worker).floats(TILE, width);
            Arrays.fill(sum, 0, width, 0f);
            for (int j = 0; j < groups.used(); j++) {
                int choice = row * groups.used() + j;
                if (groups.expert(choice) >= 0) {
                    RowLoops.addScaled(sum, results, choice * width, shares[choice], width);
                }
            }
            Operands.store(sum, 0, out, (long) (firstRow + row) * width, width);
        }
    }
}
