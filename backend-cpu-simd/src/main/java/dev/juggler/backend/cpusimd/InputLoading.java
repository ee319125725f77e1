package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;

/** Copies rows of a tensor into {@link Inputs} and rounds them where a weight wants that. */
final class InputLoading extends RowTask {
    private final Inputs inputs;
    private Tensor x = Operands.NO_TENSOR;
    private int first;

    InputLoading(KernelContext context, Inputs inputs) {
        super(context);
        this.inputs = inputs;
    }

    /** Makes rows {@code [first, first + rows)} of {@code x} the stored rows, in F32. */
    void load(Tensor x, int first, int rows) {
        load(x, first, rows, DType.F32, DType.F32);
    }

    /** As {@link #load(Tensor, int, int)}, for products with a type of weight. */
    void load(Tensor x, int first, int rows, DType weight) {
        load(x, first, rows, weight, weight);
    }

    /** As {@link #load(Tensor, int, int)}, for products with two types of weights. */
    void load(Tensor x, int first, int rows, DType weight, DType secondWeight) {
        this.x = x;
        this.first = first;
        inputs.shape(rows, x.columns());
        shapeRounded(rows, weight, secondWeight);
        runRows(rows, x.columns());
    }

    /** Rounds the {@code rows} stored rows as they are, for products with a type of weight. */
    void round(int rows, int columns, DType weight) {
        if (context.matrix().roundedBlock(weight) != 0) {
            x = Operands.NO_TENSOR;
            shapeRounded(rows, weight, weight);
            runRows(rows, columns);
        }
    }

    private void shapeRounded(int rows, DType weight, DType secondWeight) {
        int block = context.matrix().roundedBlock(weight);
        int secondBlock = context.matrix().roundedBlock(secondWeight);
        inputs.shapeRounded(rows, block);
        if (secondBlock != block) {
            inputs.shapeRounded(rows, secondBlock);
        }
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // the one tensor that stands for none
    void row(int row, int worker) {
        if (x != Operands.NO_TENSOR) {
            inputs.load(x, first + row, row);
        }
        inputs.round(row);
    }
}
