package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverProducts;
import dev.juggler.backend.cuda.driver.DriverProducts.Matrix;
import dev.juggler.backend.cuda.driver.Libraries;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.DType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Products of many rows by NVIDIA's library: a part of the weight after the other is taken apart to
 * F16 and multiplied. Which costs writing and reading the weight once more, so it is for as many
 * rows as make that a small part of the work.
 */
final class VendorProducts implements AutoCloseable {
    /** With fewer rows taking the weight apart would cost more than the library saves. */
    private static final int ROWS = 512;

    /** Where the library was asked for: all that does not read its weights row by row anyway. */
    private static final int ROWS_IF_ASKED = 64;

    /** The library's kernels for tensor cores want rows that begin at 16 bytes. */
    private static final int ALIGNED_ELEMENTS = 8;

    private static final long PART_BYTES = 64L << 20;
    private static final int F16 = 1;
    private static final Logger LOG = LoggerFactory.getLogger(VendorProducts.class);

    private final Card card;
    private final Scratch scratch;
    private final Kernel dequantize;
    private final Kernel scale;
    private final int fewestRows;
    private @Nullable DriverProducts library;
    private boolean looked;
    private boolean used;

    VendorProducts(Card card) {
        this.card = card;
        scratch = card.scratch();
        dequantize = card.module.kernel("dequantize_rows");
        scale = card.module.kernel("scale_rows");
        boolean asked = card.options.gemm() == CudaOptions.Gemm.CUBLAS;
        fewestRows = asked ? ROWS_IF_ASKED : ROWS;
        looked = card.options.gemm() == CudaOptions.Gemm.OWN;
    }

    /**
     * @throws BackendException if the options ask for the library and it is not there
     */
    void requireIfAsked() {
        if (card.options.gemm() == CudaOptions.Gemm.CUBLAS && library() == null) {
            throw new BackendException(
                    "option gemm = cublas: %s not found or not usable; %s"
                            .formatted(Libraries.CUBLAS, Libraries.REMEDY));
        }
    }

    /** Loading it takes longer than a short prompt, so that waits for the first long one. */
    private @Nullable DriverProducts library() {
        if (!looked) {
            looked = true;
            try {
                library = card.device.createProducts(card.stream);
            } catch (DriverException | LinkageError e) {
                LOG.warn(
                        "{}: cuBLAS does not start, own kernels serve: {}",
                        card.guard.device(),
                        e.getMessage());
            }
        }
        return library;
    }

    /** Whether this product is the library's; for weights other than F32 where F16 is enough. */
    boolean takes(Product product) {
        return product.ids() == 0
                && product.matrices() == 1
                && product.share() == 1
                && product.rows() > fewestRows - 1
                && product.k() % ALIGNED_ELEMENTS == 0
                && library() != null;
    }

    /**
     * Multiplies.
     *
     * @param halves the rows of x as {@link Rounding#halves} gives them
     */
    void multiply(Product product, long halves) {
        DriverProducts multiplier = library();
        if (multiplier == null) {
            throw new IllegalStateException("there is no library");
        }
        int k = product.k();
        long rowBytes = product.type().bytes(k);
        int width = Rounding.halfWidth(k);
        int most = Math.clamp(PART_BYTES / (2L * k), 1, product.n());
        for (int first = 0; first < product.n(); first += most) {
            int count = Math.min(most, product.n() - first);
            long weight = halves(product, product.weight() + first * rowBytes, count, most);
            try {
                card.queue.flush();
                multiplier.multiply(
                        new Matrix(product.out() + 4L * first, product.n()),
                        new Matrix(halves, width),
                        weight,
                        product.rows(),
                        count,
                        k);
            } catch (DriverException e) {
                throw card.guard.failed(e);
            }
        }
        long elements = (long) product.rows() * product.n();
        card.queue
                .kernel(scale)
                .pointer(product.out())
                .pointer(halves + 2L * width * product.rows())
                .wide(elements)
                .number(product.n())
                .launch(Products.ceil(elements, 256), 256);
        used = true;
    }

    /** Rows of the weight as halves: themselves where they are, else taken apart. */
    private long halves(Product product, long from, int count, int most) {
        if (product.type() == DType.F16 && from % (2 * ALIGNED_ELEMENTS) == 0) {
            return from;
        }
        long address = scratch.of(2L * most * product.k());
        card.queue
                .kernel(dequantize)
                .pointer(address)
                .pointer(from)
                .wide(count)
                .number(product.k())
                .number(product.type().ggmlId())
                .number(F16)
                .launch(Products.ceil(product.k(), 2048), count, 128);
        return address;
    }

    /** Whether it has multiplied anything. */
    boolean isUsed() {
        return used;
    }

    @Override
    public void close() {
        DriverProducts open = library;
        library = null;
        if (open != null) {
            open.close();
        }
    }
}
