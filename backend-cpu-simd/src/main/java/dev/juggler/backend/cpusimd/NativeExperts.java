package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.NativeKernels.RowLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Products in which every choice of a row has its own weight, and the whole feed-forward of the
 * chosen experts, by native kernels. Choices are sorted by expert, so that each weight is read once
 * a step; the pieces of all experts are one list.
 */
final class NativeExperts {
    /** Elements of the largest array between the steps; more rows go one batch after another. */
    private static final int MOST_BETWEEN = 1 << 23;

    /** Stands for a row of zeros. */
    private static final int NOBODYS = -1;

    private final NativeWork work;
    private final ExpertGroups groups = new ExpertGroups();
    private final NativeRows x;
    private final NativeRows inner;
    private final NativeMemory xRows = new NativeMemory();
    private final NativeMemory choices = new NativeMemory();
    private final NativeMemory inOrder = new NativeMemory();
    private final NativeMemory sources = new NativeMemory();
    private final NativeMemory gates = new NativeMemory();
    private final NativeMemory ups = new NativeMemory();
    private final NativeMemory results = new NativeMemory();
    private final Product product = new Product();
    private final Gated gated = new Gated();
    private final WeightedSum weightedSum;
    private int[] index = new int[0];
    private int places;

    NativeExperts(NativeWork work) {
        this.work = work;
        x = new NativeRows(work.context(), work.kernels());
        inner = new NativeRows(work.context(), work.kernels());
        weightedSum = new WeightedSum(work.context());
    }

    /** See {@link dev.juggler.kernel.Kernels#matmulByExpert}. */
    void multiply(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        groups.sort(ids, 0, ids.rows(), stack.count());
        int divisor = x.rows() == ids.rows() ? groups.used() : 1;
        RowLayout layout = layout(stack);
        index(divisor, layout.rowsTogether());
        load(layout, Operands.address(x), x.rows(), x.columns());
        clearAbsent(out);
        product.product.weight(stack, null).x(this.x).out(Operands.address(out), out.columns());
        product.run(stack, xRows, choices);
    }

    /** See {@link dev.juggler.kernel.Kernels#experts}. */
    void feedForward(Tensor out, Tensor x, Tensor ids, Tensor routeWeights, ExpertWeights weights) {
        int width = weights.gate().rows();
        int widest = Math.max(width, x.columns());
        int most = Math.max(1, MOST_BETWEEN / (widest * ids.columns()));
        for (int first = 0; first < x.rows(); first += most) {
            int rows = Math.min(most, x.rows() - first);
            groups.sort(ids, first, rows, weights.gate().count());
            RowLayout layout = layout(weights.gate());
            RowLayout forDown = layout(weights.down());
            index(groups.used(), Math.max(layout.rowsTogether(), forDown.rowsTogether()));
            load(layout, Operands.address(x) + x.rowBytes() * first, rows, x.columns());
            gated.run(weights);
            inner.load(forDown, gates.address(), width, places, width);
            long bytes = (long) groups.choices() * out.columns() * Float.BYTES;
            product.product
                    .weight(weights.down(), weights.downBias())
                    .x(inner)
                    .out(results.reserve(bytes).address(), out.columns());
            product.run(weights.down(), inOrder, choices);
            weightedSum.run(out, routeWeights, first, rows);
        }
    }

    private RowLayout layout(Tensor stack) {
        return work.kernels().layout(stack.dtype(), groups.rowsOfExpert());
    }

    /**
     * Writes down where each sorted choice comes from, its place, and its place when unsorted. The
     * places of an expert begin at a multiple of {@code together}; those between are nobody's.
     */
    private void index(int divisor, int together) {
        int present = groups.present();
        index = Operands.grown(index, present);
        xRows.reserve((long) present * Integer.BYTES);
        choices.reserve((long) present * Integer.BYTES);
        inOrder.reserve((long) present * Integer.BYTES);
        choices.set(groups.order(), present);
        for (int i = 0; i < present; i++) {
            index[i] = groups.order()[i] / divisor;
        }
        xRows.set(index, present);
        places = 0;
        for (int e = 0; e < groups.experts(); e++) {
            places = (places + together - 1) / together * together;
            for (int i = groups.start(e); i < groups.start(e) + groups.size(e); i++) {
                index[i] = places++;
            }
        }
        inOrder.set(index, present);
    }

    /** Converts x: in its own order, or where rows lie together in that of the places. */
    private void load(RowLayout layout, long source, int rows, int columns) {
        if (layout.rowsTogether() == 1) {
            x.load(layout, source, columns, rows, columns);
            return;
        }
        sources.reserve((long) places * Integer.BYTES);
        int place = 0;
        for (int i = 0; i < groups.present(); i++) {
            for (; place < inOrder.getInt(i); place++) {
                sources.setInt(place, NOBODYS);
            }
            sources.setInt(place++, xRows.getInt(i));
        }
        x.load(layout, source, columns, sources.address(), places, columns);
        xRows.set(index, groups.present());
    }

    private void clearAbsent(Tensor out) {
        if (groups.present() == groups.choices()) {
            return;
        }
        MemorySegment memory = Operands.memory(out);
        for (int c = 0; c < groups.choices(); c++) {
            if (groups.expert(c) < 0) {
                long at = out.offset() + c * out.rowBytes();
                memory.asSlice(at, out.rowBytes()).fill((byte) 0);
            }
        }
    }

    /** One list of pieces for all experts that were chosen. */
    private void cut(int rows, long rowBytes, int columns) {
        long total = 0;
        for (int e = 0; e < groups.experts(); e++) {
            if (groups.size(e) > 0) {
                total += rows * NativeWork.rowWork(rowBytes, columns, groups.size(e));
            }
        }
        work.clear();
        for (int e = 0; e < groups.experts(); e++) {
            if (groups.size(e) > 0) {
                long rowWork = NativeWork.rowWork(rowBytes, columns, groups.size(e));
                work.cut(e, rows, rowWork, total);
            }
        }
    }

    private static long at(NativeMemory ints, int index) {
        return ints.address() + (long) index * Integer.BYTES;
    }

    /** A run of weight rows of one expert with all rows that chose it. */
    private final class Product implements WorkerTask {
        private final NativeProduct product = new NativeProduct();
        private NativeMemory from = xRows;
        private NativeMemory to = choices;
        private int weightRows;

        void run(Tensor stack, NativeMemory from, NativeMemory to) {
            this.from = from;
            this.to = to;
            weightRows = stack.rows();
            cut(weightRows, stack.rowBytes(), stack.columns());
            work.run(this);
        }

        @Override
        public void run(int piece, int worker) {
            int expert = work.group(piece);
            int first = work.first(piece);
            int start = groups.start(expert);
            work.kernels()
                    .multiply(
                            product.address(),
                            (long) expert * weightRows + first,
                            work.count(piece),
                            first,
                            at(from, start),
                            at(to, start),
                            groups.size(expert),
                            work.scratch(worker));
        }
    }

    /** Gate and up of a run of rows of one expert, with all rows that chose it. */
    private final class Gated implements WorkerTask {
        private final NativeProduct gate = new NativeProduct();
        private final NativeProduct up = new NativeProduct();
        private GatedActivation activation = GatedActivation.SWIGLU;
        private int weightRows;

        void run(ExpertWeights weights) {
            Tensor weight = weights.gate();
            activation = weights.activation();
            weightRows = weight.rows();
            long bytes = (long) places * weightRows * Float.BYTES;
            gate.weight(weight, weights.gateBias())
                    .x(x)
                    .out(gates.reserve(bytes).address(), weightRows);
            up.weight(weights.up(), weights.upBias())
                    .x(x)
                    .out(ups.reserve(bytes).address(), weightRows);
            cut(weightRows, 2 * weight.rowBytes(), 2 * weight.columns());
            work.run(this);
        }

        @Override
        public void run(int piece, int worker) {
            int expert = work.group(piece);
            int first = work.first(piece);
            int start = groups.start(expert);
            work.kernels()
                    .multiplyGated(
                            gate.address(),
                            up.address(),
                            activation,
                            (long) expert * weightRows + first,
                            work.count(piece),
                            first,
                            at(xRows, start),
                            at(inOrder, start),
                            groups.size(expert),
                            work.scratch(worker));
        }
    }

    /** A row of the result: its choices' results times their shares. */
    private final class WeightedSum extends RowTask {
        private final NativeMemory ids = new NativeMemory();
        private long out;
        private long shares;
        private int columns;

        WeightedSum(KernelContext context) {
            super(context);
        }

        void run(Tensor out, Tensor routeWeights, int firstRow, int rows) {
            int used = groups.used();
            columns = out.columns();
            this.out = Operands.address(out) + (long) firstRow * columns * Float.BYTES;
            shares = Operands.address(routeWeights) + (long) firstRow * used * Float.BYTES;
            this.ids.reserve((long) groups.choices() * Integer.BYTES);
            for (int c = 0; c < groups.choices(); c++) {
                this.ids.setInt(c, groups.expert(c));
            }
            runRows(rows, (long) used * columns);
        }

        @Override
        void row(int row, int worker) {
            int used = groups.used();
            int choice = row * used;
            work.kernels()
                    .combine(
                            out + (long) row * columns * DType.F32.blockBytes(),
                            results.address() + (long) choice * columns * Float.BYTES,
                            columns,
                            shares + (long) choice * Float.BYTES,
                            at(ids, choice),
                            used,
                            columns);
        }
    }
}
