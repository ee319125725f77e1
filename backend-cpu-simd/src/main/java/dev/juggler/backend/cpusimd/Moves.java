package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.QUERIES;

import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.Quantizer;
import dev.juggler.kernel.quant.Quantizers;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Operations that only move rows, converting them where types differ. */
final class Moves {
    private final Pick pick;
    private final CopyColumns copyColumns;
    private final PasteColumns pasteColumns;
    private final Append append;

    Moves(KernelContext context) {
        pick = new Pick(context);
        copyColumns = new CopyColumns(context);
        pasteColumns = new PasteColumns(context);
        append = new Append(context);
    }

    /** {@code out[i] = table[ids[i]]}, from any stored type. */
    void pick(String operation, Tensor out, Tensor table, Tensor ids) {
        pick.run(operation, out, table, ids);
    }

    void copyColumns(Tensor out, Tensor x, int from) {
        copyColumns.out = out;
        copyColumns.x = x;
        copyColumns.from = from;
        copyColumns.runRows(x.rows(), out.columns());
    }

    void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        pasteColumns.out = out;
        pasteColumns.to = to;
        pasteColumns.x = x;
        pasteColumns.from = from;
        pasteColumns.columns = columns;
        pasteColumns.runRows(out.rows(), columns);
    }

    void append(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        append.run(kv.keys(), keys, slots);
        Tensor stored = kv.values();
        if (values != null && stored != null) {
            append.run(stored, values, slots);
        }
    }

    private static int checked(String operation, int id, int row, int rows) {
        if (id < 0 || id >= rows) {
            throw new IllegalArgumentException(
                    "%s: id %d at %d is not a row of %d".formatted(operation, id, row, rows));
        }
        return id;
    }

    private static final class Pick extends RowTask {
        private final WeightRows table = new WeightRows();
        private String operation = "";
        private Tensor out = Operands.NO_TENSOR;
        private int[] ids = new int[0];

        Pick(KernelContext context) {
            super(context);
        }

        void run(String operation, Tensor out, Tensor source, Tensor ids) {
            this.operation = operation;
            this.out = out;
            table.point(source);
            this.ids = Operands.grown(this.ids, out.rows());
            Operands.load(ids, 0, this.ids, out.rows());
            runRows(out.rows(), out.columns());
        }

        @Override
        void row(int row, int worker) {
            int id = checked(operation, ids[row], row, table.rows());
            int width = out.columns();
            WorkerScratch scratch = context.scratch(worker);
            float[] values = scratch.floats(QUERIES, width);
            RowDecoder decoder = context.matrix().decoder(table.dtype());
            for (int done = 0; done < width; done += WorkerScratch.RUN) {
                int length = Math.min(WorkerScratch.RUN, width - done);
                long from = table.rowStart(id) + table.dtype().bytes(done);
                decoder.decode(table.memory(), from, values, done, length, scratch);
            }
            Operands.store(values, 0, out, (long) row * width, width);
        }
    }

    private static final class CopyColumns extends RowTask {
        private Tensor out = Operands.NO_TENSOR;
        private Tensor x = Operands.NO_TENSOR;
        private int from;

        CopyColumns(KernelContext context) {
            super(context);
        }

        @Override
        void row(int row, int worker) {
            int width = out.columns();
            float[] values = context.scratch(worker).floats(QUERIES, width);
            Operands.load(x, (long) row * x.columns() + from, values, 0, width);
            Operands.store(values, 0, out, (long) row * width, width);
        }
    }

    private static final class PasteColumns extends RowTask {
        private Tensor out = Operands.NO_TENSOR;
        private int to;
        private Tensor x = Operands.NO_TENSOR;
        private int from;
        private int columns;

        PasteColumns(KernelContext context) {
            super(context);
        }

        @Override
        void row(int row, int worker) {
            int source = row / (out.rows() / x.rows());
            float[] values = context.scratch(worker).floats(QUERIES, columns);
            Operands.load(x, (long) source * x.columns() + from, values, 0, columns);
            Operands.store(values, 0, out, (long) row * out.columns() + to, columns);
        }
    }

    private static final class Append extends RowTask {
        private Tensor stored = Operands.NO_TENSOR;
        private Tensor rows = Operands.NO_TENSOR;
        private Quantizer quantizer = Quantizers.of(stored.dtype());
        private int[] slots = new int[0];

        Append(KernelContext context) {
            super(context);
        }

        void run(Tensor stored, Tensor rows, Tensor slots) {
            this.stored = stored;
            this.rows = rows;
            quantizer = Quantizers.of(stored.dtype());
            this.slots = Operands.grown(this.slots, rows.rows());
            Operands.load(slots, 0, this.slots, rows.rows());
            runRows(rows.rows(), rows.columns());
        }

        @Override
        void row(int row, int worker) {
            long places = (long) stored.count() * stored.rows();
            int slot = slots[row];
            if (slot < 0 || slot >= places) {
                throw new IllegalArgumentException(
                        "appendKv: slot %d of row %d is not one of %d"
                                .formatted(slot, row, places));
            }
            int width = rows.columns();
            float[] values = context.scratch(worker).floats(QUERIES, width);
            Operands.load(rows, (long) row * width, values, 0, width);
            long at = stored.offset() + slot * stored.rowBytes();
            MemorySegment memory = Operands.memory(stored);
            switch (stored.dtype()) {
                case F32 -> Operands.store(values, 0, stored, (long) slot * width, width);
                case F16 -> Operands.storeHalves(values, memory, at, width, scratchHalves(worker));
                default -> quantizer.quantize(values, 0, memory, at, width);
            }
        }

        private short[] scratchHalves(int worker) {
            return context.scratch(worker).shorts;
        }
    }
}
