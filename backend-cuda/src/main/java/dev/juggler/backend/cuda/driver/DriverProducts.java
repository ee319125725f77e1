package dev.juggler.backend.cuda.driver;

/**
 * NVIDIA's own matrix products on one stream, in its order. Sums are F32; every method throws
 * {@link DriverException} where the library reports an error.
 */
public interface DriverProducts extends AutoCloseable {
    /**
     * {@code out[rows, n] = x[rows, k] · weight[n, k]ᵀ}, all row by row: {@code out} F32, the
     * others F16.
     *
     * @param weight address of the rows, which follow each other
     */
    void multiply(Matrix out, Matrix x, long weight, int rows, int n, int k);

    /**
     * Where a matrix is.
     *
     * @param address of its first element
     * @param width elements from one row to the next
     */
    record Matrix(long address, int width) {}

    @Override
    void close();
}
