package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.KEYS;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.QUERIES;

import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/** Root mean square norm, alone or behind an addition. */
final class Norms extends RowTask {
    private Tensor out = Operands.NO_TENSOR;
    private Tensor x = Operands.NO_TENSOR;
    private @Nullable Tensor added;
    private Tensor sum = Operands.NO_TENSOR;
    private float[] weight = new float[0];
    private float epsilon;

    Norms(KernelContext context) {
        super(context);
    }

    void norm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        start(out, x, weight, epsilon);
        added = null;
        runRows(x.rows(), 2L * x.columns());
    }

    /** {@code sum = a + b}, {@code out = norm(sum)}; {@code b} has as many rows as {@code a}. */
    void addNorm(Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        start(out, a, weight, epsilon);
        added = b;
        this.sum = sum;
        runRows(a.rows(), 3L * a.columns());
    }

    private void start(Tensor out, Tensor x, Tensor weight, float epsilon) {
        this.out = out;
        this.x = x;
        this.epsilon = epsilon;
        this.weight = Operands.grown(this.weight, x.columns());
        Operands.load(weight, 0, this.weight, 0, x.columns());
    }

    @Override
    void row(int row, int worker) {
        int width = x.columns();
        long first = (long) row * width;
        WorkerScratch scratch = context.scratch(worker);
        float[] values = scratch.floats(QUERIES, width);
        Operands.load(x, first, values, 0, width);
        Tensor other = added;
        if (other != null) {
            float[] addends = scratch.floats(KEYS, width);
            long from = other.rows() == 1 ? 0 : first;
            Operands.load(other, from, addends, 0, width);
            RowLoops.add(values, 0, addends, 0, width);
            Operands.store(values, 0, sum, first, width);
        }
        double mean = RowLoops.squares(values, width) / width;
        float factor = (float) (1 / Math.sqrt(mean + epsilon));
        RowLoops.scaleBy(values, weight, factor, width);
        Operands.store(values, 0, out, first, width);
    }
}
