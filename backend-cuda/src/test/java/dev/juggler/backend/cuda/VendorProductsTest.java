package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.device.WeightDevices;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products by the vendor's library, or an emulation of it, against the reference. */
class VendorProductsTest {
    private final HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);

    /** The largest error relative to the largest value; the rows differ a thousandfold in size. */
    static double error(Backend backend, DType dtype, int rows, int n, int k) {
        Random random = new Random(rows * 31L + n);
        byte[] weights = Samples.weights(dtype, (long) n * k, random);
        float[] values = Samples.normal(random, rows * k, 1);
        for (int i = 0; i < values.length; i++) {
            values[i] *= (float) Math.pow(10, i / k % 4 * 3 - 6);
        }
        Tensor weight = Tensor.of(dtype, n, k, backend.adopt(MemorySegment.ofArray(weights)));
        Tensor x = Tensor.of(DType.F32, rows, k, backend.allocate(4L * rows * k));
        Tensor out = Tensor.of(DType.F32, rows, n, backend.allocate(4L * rows * n));
        x.buffer().write(0, MemorySegment.ofArray(values));
        backend.kernels().matmul(out, x, weight);
        float[] actual = new float[rows * n];
        out.buffer().read(0, MemorySegment.ofArray(actual));
        float[] expected = new float[rows * n];
        HostBuffer result = host(new byte[4 * rows * n]);
        HostBuffer input = HostBuffer.allocate(4L * rows * k);
        input.write(0, MemorySegment.ofArray(values));
        HostBuffer matrix = host(weights);
        new ReferenceKernels()
                .matmul(
                        Tensor.of(DType.F32, rows, n, result),
                        Tensor.of(DType.F32, rows, k, input),
                        Tensor.of(dtype, n, k, matrix));
        result.read(0, MemorySegment.ofArray(expected));
        double worst = 0;
        for (int row = 0; row < rows; row++) {
            double largest = 0;
            double difference = 0;
            for (int i = row * n; i < (row + 1) * n; i++) {
                largest = Math.max(largest, Math.abs(expected[i]));
                difference = Math.max(difference, Math.abs(expected[i] - actual[i]));
            }
            worst = Math.max(worst, difference / largest);
        }
        for (AutoCloseable buffer : List.of(result, input, matrix)) {
            ((HostBuffer) buffer).close();
        }
        return worst;
    }

    private static HostBuffer host(byte[] content) {
        HostBuffer buffer = HostBuffer.allocate(content.length);
        buffer.write(0, MemorySegment.ofArray(content));
        return buffer;
    }

    @ParameterizedTest
    @CsvSource({
        "Q4_K, 64, 33, 256",
        "Q6_K, 65, 7, 512",
        "Q4_0, 100, 40, 96",
        "IQ2_XS, 64, 5, 256",
        "F16, 70, 19, 72",
        "BF16, 70, 19, 72"
    })
    void areWhatTheReferenceSays(DType dtype, int rows, int n, int k) {
        try (CudaBackend backend = HostBackends.open(driver, 0, false, "cublas")) {
            double error = error(backend, dtype, rows, n, k);
            assertTrue(backend.usesVendorProducts());
            assertTrue(error < 4e-3, dtype + " " + error);
        }
        assertEquals(0, driver.device(0).used());
    }

    @Test
    void goldenPromptsAreMultipliedByIt() {
        CudaBackend backend = HostBackends.open(driver, 0, false, "cublas");
        new GoldenRun("the vendor's products, 200 tokens by 100", "seq200", 100, true, DType.F32)
                .run(
                        List.of("qwen3moe.Q4_0", "qwen3moe.Q8_0"),
                        WeightDevices.all("cuda:0"),
                        List.of(backend));
        assertTrue(backend.usesVendorProducts());
    }

    @Test
    void whoAsksForALibraryThatIsNotThereIsTold() {
        driver.device(0).hasNoProducts();
        BackendException told =
                assertThrows(
                        BackendException.class,
                        () -> HostBackends.open(driver, 0, false, "cublas"));
        assertTrue(
                String.valueOf(told.getMessage()).contains("libcublas.so.12"), told.getMessage());
        assertEquals(0, driver.device(0).used());
        try (CudaBackend backend = HostBackends.open(driver, 0, false, "auto")) {
            assertTrue(error(backend, DType.Q4_0, 512, 5, 64) < 4e-3);
            assertFalse(backend.usesVendorProducts());
        }
    }
}
