package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.TILE;

import dev.juggler.kernel.Tensor;

/** The matrix product in which every choice of a row has its own weight. */
final class ExpertProduct implements WorkerTask {
    private final KernelContext context;
    private final ExpertGroups groups = new ExpertGroups();
    private final ExpertPieces pieces = new ExpertPieces();
    private final Inputs inputs = new Inputs();
    private final InputLoading loading;
    private final WeightRows weight = new WeightRows();
    private int[] index = new int[0];
    private float[] zeros = new float[0];
    private Tensor out = Operands.NO_TENSOR;

    ExpertProduct(KernelContext context) {
        this.context = context;
        loading = new InputLoading(context, inputs);
    }

    /** See {@link dev.juggler.kernel.Kernels#matmulByExpert}. */
    void multiply(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        groups.sort(ids, 0, ids.rows(), stack.count());
        boolean shared = x.rows() == ids.rows();
        loading.load(x, 0, x.rows(), stack.dtype());
        index = Operands.grown(index, groups.present());
        for (int i = 0; i < groups.present(); i++) {
            int choice = groups.order()[i];
            index[i] = shared ? choice / groups.used() : choice;
        }
        inputs.pick(index);
        clearAbsent(out);
        weight.point(stack);
        this.out = out;
        pieces.plan(context, groups, stack.rows(), stack.columns());
        context.pool().run(this, pieces.size());
    }

    private void clearAbsent(Tensor out) {
        if (groups.present() == groups.choices()) {
            return;
        }
        int width = out.columns();
        zeros = Operands.grown(zeros, width);
        for (int c = 0; c < groups.choices(); c++) {
            if (groups.expert(c) < 0) {
                Operands.store(zeros, 0, out, (long) c * width, width);
            }
        }
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
        long firstRow = (long) expert * weight.rows() + first;
        context.matrix().multiply(weight, firstRow, count, inputs, start, size, tile, scratch);
        for (int j = 0; j < size; j++) {
            long to = (long) groups.order()[start + j] * weight.rows() + first;
            Operands.store(tile, j * count, out, to, count);
        }
    }
}
