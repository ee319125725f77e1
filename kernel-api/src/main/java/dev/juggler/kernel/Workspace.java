package dev.juggler.kernel;

/**
 * Scratch memory for the activations of one step: a stack from which tensors are taken and to which
 * they are given back all at once. Taking the same sequence again costs no allocation. Contents are
 * undefined until written. Not for use by two threads at once.
 */
public interface Workspace {
    /**
     * A tensor of {@code rows} x {@code columns}, valid until {@link #release} of an earlier mark.
     *
     * @throws IllegalStateException if the workspace was sized too small
     */
    Tensor take(DType dtype, int rows, int columns);

    /** An F32 tensor. */
    default Tensor take(int rows, int columns) {
        return take(DType.F32, rows, columns);
    }

    /** The present height of the stack. */
    long mark();

    /** Gives back everything taken since {@code mark}. */
    void release(long mark);
}
