package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.QUERIES;

import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Rotary position embedding. Sines and cosines cost more than the rotation, and all layers of a
 * step ask for the same ones, so those of the last few calls are kept.
 */
final class Rotations extends RowTask {
    private static final int KEPT = 4;

    private final Table[] tables = new Table[KEPT];
    private final Filling filling;
    private int oldest;
    private Table table;
    private Tensor x = Operands.NO_TENSOR;
    private RopePlan plan = new RopePlan(RopePlan.Pairing.HALVES, 0, 0, new double[0], 1f);
    private int[] positions = new int[0];

    Rotations(KernelContext context) {
        super(context);
        Arrays.setAll(tables, i -> new Table());
        table = tables[0];
        filling = new Filling(context);
    }

    void rotate(Tensor x, Tensor positions, RopePlan plan) {
        int rows = x.rows();
        this.x = x;
        this.plan = plan;
        this.positions = Operands.grown(this.positions, rows);
        Operands.load(positions, 0, this.positions, rows);
        table = tableFor(plan, rows);
        runRows(rows, x.columns());
    }

    private Table tableFor(RopePlan plan, int rows) {
        for (Table known : tables) {
            if (known.isOf(plan, positions, rows)) {
                return known;
            }
        }
        Table next = tables[oldest];
        oldest = (oldest + 1) % KEPT;
        next.start(plan, positions, rows);
        filling.table = next;
        filling.runRows(rows, 64L * plan.pairs());
        return next;
    }

    @Override
    void row(int row, int worker) {
        int width = x.columns();
        long first = (long) row * width;
        float[] values = context.scratch(worker).floats(QUERIES, width);
        Operands.load(x, first, values, 0, width);
        int angles = row * plan.pairs();
        for (int head = plan.offset(); head < width; head += plan.headWidth()) {
            if (plan.pairing() == RopePlan.Pairing.HALVES) {
                halves(values, head, table.cosines, table.sines, angles, plan.pairs());
            } else {
                neighbours(values, head, table.cosines, table.sines, angles, plan.pairs());
            }
        }
        Operands.store(values, 0, x, first, width);
    }

    private static void halves(
            float[] x, int at, float[] cosines, float[] sines, int angles, int pairs) {
        for (int i = 0; i < pairs; i++) {
            float a = x[at + i];
            float b = x[at + pairs + i];
            float cosine = cosines[angles + i];
            float sine = sines[angles + i];
            x[at + i] = a * cosine - b * sine;
            x[at + pairs + i] = a * sine + b * cosine;
        }
    }

    private static void neighbours(
            float[] x, int at, float[] cosines, float[] sines, int angles, int pairs) {
        for (int i = 0; i < pairs; i++) {
            float a = x[at + 2 * i];
            float b = x[at + 2 * i + 1];
            float cosine = cosines[angles + i];
            float sine = sines[angles + i];
            x[at + 2 * i] = a * cosine - b * sine;
            x[at + 2 * i + 1] = a * sine + b * cosine;
        }
    }

    /** Cosines and sines of some positions, one row of pairs for each. */
    private static final class Table {
        private @Nullable RopePlan plan;
        private int[] positions = new int[0];
        private int rows;
        private float[] cosines = new float[0];
        private float[] sines = new float[0];

        boolean isOf(RopePlan plan, int[] positions, int rows) {
            return this.plan == plan
                    && this.rows == rows
                    && Arrays.equals(this.positions, 0, rows, positions, 0, rows);
        }

        void start(RopePlan plan, int[] positions, int rows) {
            this.plan = plan;
            this.rows = rows;
            this.positions = Operands.grown(this.positions, rows);
            System.arraycopy(positions, 0, this.positions, 0, rows);
            cosines = Operands.grown(cosines, rows * plan.pairs());
            sines = Operands.grown(sines, rows * plan.pairs());
        }

        void fill(int row) {
            RopePlan of = plan;
            if (of == null) {
                return;
            }
            int at = row * of.pairs();
            for (int pair = 0; pair < of.pairs(); pair++) {
                double angle = positions[row] * of.inverseFrequency(pair);
                cosines[at + pair] = (float) (Math.cos(angle) * of.magnitude());
                sines[at + pair] = (float) (Math.sin(angle) * of.magnitude());
            }
        }
    }

    private static final class Filling extends RowTask {
        private Table table = new Table();

        Filling(KernelContext context) {
            super(context);
        }

        @Override
        void row(int row, int worker) {
            table.fill(row);
        }
    }
}
