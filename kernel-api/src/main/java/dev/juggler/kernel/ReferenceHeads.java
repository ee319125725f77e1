package dev.juggler.kernel;

/** The definition of {@link Kernels#matmulByHead} and its transpose. */
final class ReferenceHeads {
    private ReferenceHeads() {}

    static void multiply(Tensor out, Tensor x, Tensor stack, int first) {
        int heads = stack.count();
        int width = x.columns();
        float[] inputs = HostRows.loadAll(x);
        float[] column = new float[width];
        for (int head = 0; head < heads; head++) {
            for (int n = 0; n < out.columns(); n++) {
                HostRows.load(stack, (long) head * stack.rows() + first + n, column);
                for (int row = head; row < out.rows(); row += heads) {
                    int from = inputRow(row, out, x) * width;
                    HostRows.set(
                            out, row, n, (float) ReferenceKernels.dot(inputs, from, column, width));
                }
            }
        }
    }

    static void multiplyTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        int heads = stack.count();
        float[] inputs = HostRows.loadAll(x);
        float[] weights = new float[stack.columns()];
        float[] result = new float[stack.columns()];
        for (int row = 0; row < out.rows(); row++) {
            double[] sums = new double[stack.columns()];
            int from = inputRow(row, out, x) * x.columns();
            for (int n = 0; n < x.columns(); n++) {
                HostRows.load(stack, (long) (row % heads) * stack.rows() + first + n, weights);
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += (double) inputs[from + n] * weights[i];
                }
            }
            for (int i = 0; i < sums.length; i++) {
                result[i] = (float) sums[i];
            }
            HostRows.store(result, out, row);
        }
    }

    /** The row of {@code x} for a row of {@code out}: its own, or one for all heads. */
    private static int inputRow(int row, Tensor out, Tensor x) {
        return row / (out.rows() / x.rows());
    }
}
