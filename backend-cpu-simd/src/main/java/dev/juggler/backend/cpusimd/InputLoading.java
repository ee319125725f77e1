package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Tensor;

/** Copies rows of a tensor into {@link Inputs}. */
final class InputLoading extends RowTask {
    private final Inputs inputs;
    private Tensor x = Operands.NO_TENSOR;
    private int first;

    InputLoading(KernelContext context, Inputs inputs) {
        super(context);
        this.inputs = inputs;
    }

    /** Makes rows {@code [first, first + rows)} of {@code x} the stored rows. */
    void load(Tensor x, int first, int rows) {
        this.x = x;
        this.first = first;
        inputs.shape(rows, x.columns());
        runRows(rows, x.columns());
    }

    @Override
    void row(int row, int worker) {
        inputs.load(x, first + row, row);
    }
}
