package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.KEYS;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import java.util.Arrays;

/** Reads all keys of some sequences back from the cache. */
final class KeyReading extends RowTask {
    private final KvReader[] readers;
    private final AttentionCall call = new AttentionCall();
    private Tensor out = Operands.NO_TENSOR;

    /** Where each sequence's keys begin in {@code out}, and the end of the last. */
    private int[] starts = new int[0];

    KeyReading(KernelContext context) {
        super(context);
        readers = new KvReader[context.pool().size()];
        Arrays.setAll(readers, i -> new KvReader(context, context.scratch(i)));
    }

    /** See {@link dev.juggler.kernel.Kernels#readKeys}. */
    void read(Tensor out, KvPages kv, BatchLayout layout) {
        this.out = out;
        int width = out.columns();
        call.set(out, out, kv, new AttentionPlan(1, 1, width, width, 1f, 0, 0f, null), layout);
        starts = Operands.grown(starts, layout.sequences() + 1);
        starts[0] = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            starts[s + 1] = starts[s] + layout.length(s);
        }
        runRows(out.rows(), width);
    }

    @Override
    void row(int row, int worker) {
        int sequence = 0;
        while (row >= starts[sequence + 1]) {
            sequence++;
        }
        int width = out.columns();
        float[] values = context.scratch(worker).floats(KEYS, width);
        readers[worker].read(call, sequence, row - starts[sequence], 0, 1, 0, values, width);
        Operands.store(values, 0, out, (long) row * width, width);
    }
}
