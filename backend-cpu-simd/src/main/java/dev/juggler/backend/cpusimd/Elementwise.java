package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.KEYS;
import static dev.juggler.backend.cpusimd.WorkerScratch.Use.QUERIES;

import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Tensor;
import java.util.Arrays;

/** Sums and activations, element by element of rows. */
final class Elementwise {
    private final Gate gate;
    private final Add add;
    private final AddByExpert addByExpert;
    private final AddSigmoidScaled addSigmoidScaled;
    private final Combine combine;

    Elementwise(KernelContext context) {
        gate = new Gate(context);
        add = new Add(context);
        addByExpert = new AddByExpert(context);
        addSigmoidScaled = new AddSigmoidScaled(context);
        combine = new Combine(context);
    }

    void gate(Tensor out, Tensor gates, Tensor ups, GatedActivation activation) {
        gate.set(out, gates, ups);
        gate.activation = activation;
        gate.runRows(out.rows(), 16L * out.columns());
    }

    void add(Tensor out, Tensor a, Tensor b) {
        add.set(out, a, b);
        add.runRows(out.rows(), out.columns());
    }

    void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        addByExpert.set(x, x, biases);
        addByExpert.groups.sort(ids, 0, ids.rows(), biases.rows());
        addByExpert.runRows(x.rows(), x.columns());
    }

    void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        addSigmoidScaled.set(out, out, x);
        int rows = out.rows();
        addSigmoidScaled.scores = Operands.grown(addSigmoidScaled.scores, rows);
        Operands.load(scores, 0, addSigmoidScaled.scores, 0, rows);
        addSigmoidScaled.runRows(rows, out.columns());
    }

    void combine(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        combine.set(out, out, y);
        combine.groups.load(ids, 0, ids.rows());
        int choices = combine.groups.choices();
        combine.shares = Operands.grown(combine.shares, choices);
        Operands.load(weights, 0, combine.shares, 0, choices);
        combine.runRows(out.rows(), (long) out.columns() * ids.columns());
    }

    /** A row of {@code out} from rows of two operands. */
    private abstract static class TwoRows extends RowTask {
        Tensor out = Operands.NO_TENSOR;
        Tensor left = Operands.NO_TENSOR;
        Tensor right = Operands.NO_TENSOR;

        TwoRows(KernelContext context) {
            super(context);
        }

        void set(Tensor out, Tensor left, Tensor right) {
            this.out = out;
            this.left = left;
            this.right = right;
        }

        @Override
        void row(int row, int worker) {
            int width = out.columns();
            int padded = Operands.padded(width);
            long first = (long) row * width;
            WorkerScratch scratch = context.scratch(worker);
            float[] a = scratch.floats(QUERIES, padded);
            float[] b = scratch.floats(KEYS, padded);
            Operands.load(left, first, a, 0, width);
            Operands.load(right, rightRow(row) * width, b, 0, width);
            compute(row, a, b, width);
            Operands.store(a, 0, out, first, width);
        }

        long rightRow(int row) {
            return row;
        }

        /** Leaves the result in {@code a}. Both arrays have a whole number of lanes. */
        abstract void compute(int row, float[] a, float[] b, int width);
    }

    private static final class Gate extends TwoRows {
        private GatedActivation activation = GatedActivation.SWIGLU;

        Gate(KernelContext context) {
            super(context);
        }

        @Override
        void compute(int row, float[] a, float[] b, int width) {
            Activations.gate(context.loops(), a, b, Operands.padded(width), activation);
        }
    }

    private static final class Add extends TwoRows {
        Add(KernelContext context) {
            super(context);
        }

        @Override
        long rightRow(int row) {
            return right.rows() == 1 ? 0 : row;
        }

        @Override
        void compute(int row, float[] a, float[] b, int width) {
            RowLoops.add(a, 0, b, 0, width);
        }
    }

    private static final class AddByExpert extends TwoRows {
        private final ExpertGroups groups = new ExpertGroups();

        AddByExpert(KernelContext context) {
            super(context);
        }

        @Override
        long rightRow(int row) {
            return Math.max(0, groups.expert(row));
        }

        @Override
        void compute(int row, float[] a, float[] b, int width) {
            if (groups.expert(row) >= 0) {
                RowLoops.add(a, 0, b, 0, width);
            }
        }
    }

    private static final class AddSigmoidScaled extends TwoRows {
        private float[] scores = new float[0];

        AddSigmoidScaled(KernelContext context) {
            super(context);
        }

        @Override
        void compute(int row, float[] a, float[] b, int width) {
            float factor = (float) (1 / (1 + Math.exp(-scores[row])));
            RowLoops.addScaled(a, b, 0, factor, width);
        }
    }

    private static final class Combine extends TwoRows {
        private final ExpertGroups groups = new ExpertGroups();
        private float[] shares = new float[0];

        Combine(KernelContext context) {
            super(context);
        }

        @Override
        long rightRow(int row) {
            return (long) row * groups.used();
        }

        @Override
        void compute(int row, float[] a, float[] b, int width) {
            Arrays.fill(a, 0, width, 0f);
            for (int j = 0; j < groups.used(); j++) {
                int choice = row * groups.used() + j;
                if (groups.expert(choice) >= 0) {
                    Operands.load(right, (long) choice * width, b, 0, width);
                    RowLoops.addScaled(a, b, 0, shares[choice], width);
                }
            }
        }
    }
}
