package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverSource;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.backend.cuda.driver.JCudaDriver;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

/** JCuda's side of the seam, on an emulated libcuda.so.1: what it hands to the driver, and back. */
class JCudaDriverTest {
    @BeforeAll
    static void emulate() {
        if (DriverSource.INSTALLED.find() instanceof DriverSource.Found) {
            String skipped = "skipped: there is a real driver here, which other tests are for";
            System.out.println(skipped);
            throw new TestAbortedException(skipped);
        }
        HostLibrary.requireDriver();
        HostLibrary.requireProducts();
    }

    /** JCublas2, on an emulated libcublas.so.12. */
    @Test
    void productsOfTheVendorsLibrary() {
        Map<String, String> options = Map.of("memory-reserve", "1MiB", "gemm", "cublas");
        try (CudaBackend backend = open(0, options)) {
            double error = VendorProductsTest.error(backend, DType.Q4_K, 70, 33, 512);
            assertTrue(backend.usesVendorProducts());
            assertTrue(error < 4e-3, "error " + error);
        }
    }

    private static CudaBackend open(int ordinal, Map<String, String> values) {
        KernelImage image = new KernelImage(new byte[] {1}, "emulated");
        return (CudaBackend)
                new CudaBackendProvider(
                                () -> new DriverSource.Found(JCudaDriver.load()),
                                device -> List.of(() -> image))
                        .open(new BackendOptions("cuda:" + ordinal, false, values));
    }

    @Test
    void listsDevices() {
        JCudaDriver driver = JCudaDriver.load();
        assertEquals("CUDA 12.6", driver.version());
        assertEquals(2, driver.devices().size());
        assertEquals("Emulated GPU 1", driver.devices().get(1).name());
        assertEquals(80, driver.devices().get(1).architecture());
        assertEquals(1L << 30, driver.devices().get(1).memory());
        assertEquals(16e9, driver.devices().get(1).memoryBytesPerSecond());
        Availability.Usable usable =
                assertInstanceOf(
                        Availability.Usable.class,
                        new CudaBackendProvider(
                                        () -> new DriverSource.Found(driver), device -> List.of())
                                .probe());
        assertEquals(List.of("cuda:0", "cuda:1"), usable.devices());
    }

    @Test
    void bytesGoInAcrossAndOut() {
        JCudaDriver driver = JCudaDriver.load();
        try (DriverDevice first = driver.open(0);
                DriverDevice second = driver.open(1);
                DriverStream stream = second.createStream()) {
            assertTrue(second.reaches(first));
            long here = first.allocate(1000);
            long there = second.allocate(1000);
            MemorySegment pinned = second.allocatePinned(1000);
            for (int i = 0; i < 1000; i++) {
                pinned.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 7));
            }
            stream.copyIn(there, pinned.asSlice(0, 1000));
            stream.copyFrom(first, here, there, 1000);
            stream.copy(there, here + 500, 500);
            stream.zero(there + 100, 10);
            pinned.fill((byte) 0);
            stream.copyOut(pinned.asSlice(1, 900), there);
            stream.synchronize();
            assertEquals((byte) (599 * 7), pinned.get(ValueLayout.JAVA_BYTE, 100));
            assertEquals(0, pinned.get(ValueLayout.JAVA_BYTE, 101));
            assertEquals((byte) (610 * 7), pinned.get(ValueLayout.JAVA_BYTE, 111));
            assertEquals((1L << 30) - 1000, second.memory().free());
            second.freePinned(pinned);
            first.free(here);
            second.free(there);
            assertEquals(1L << 30, second.memory().free());
            DriverException full =
                    assertThrows(DriverException.class, () -> first.allocate(2L << 30));
            assertTrue(full.isOutOfMemory(), full.getMessage());
            assertThrows(DriverException.class, () -> first.free(here));
        }
    }

    @Test
    void productsAndGraphsAreWhatTheReferenceSays() {
        Random random = new Random(5);
        try (CudaBackend backend = open(1, Map.of("memory-reserve", "1MiB"))) {
            assertTrue(backend.description().contains("Emulated GPU 1"), backend.description());
            byte[] weights = Samples.weights(DType.Q4_K, 40 * 512, random);
            float[] values = Samples.normal(random, 3 * 512, 1);
            Tensor weight =
                    Tensor.of(DType.Q4_K, 40, 512, backend.adopt(MemorySegment.ofArray(weights)));
            Tensor x = Tensor.of(DType.F32, 3, 512, backend.allocate(3 * 512 * 4));
            Tensor out = Tensor.of(DType.F32, 3, 40, backend.allocate(3 * 40 * 4));
            x.buffer().write(0, MemorySegment.ofArray(values));
            for (int step = 0; step < 4; step++) {
                backend.kernels().matmul(out, x, weight);
                backend.kernels().add(out, out, out);
                backend.synchronize();
            }
            assertEquals(2, backend.graphReplays(), "after a write, a run alone and one seen");
            float[] actual = new float[3 * 40];
            out.buffer().read(0, MemorySegment.ofArray(actual));
            float[] expected = reference(weights, values);
            double largest = 0;
            for (float value : expected) {
                largest = Math.max(largest, Math.abs(value));
            }
            for (int i = 0; i < expected.length; i++) {
                assertEquals(2 * expected[i], actual[i], 0.02 * largest, "element " + i);
            }
            assertThrows(OutOfDeviceMemoryException.class, () -> backend.allocate(2L << 30));
        }
    }

    private static float[] reference(byte[] weights, float[] values) {
        HostBuffer memory = HostBuffer.allocate(weights.length);
        memory.write(0, MemorySegment.ofArray(weights));
        Tensor weight = Tensor.of(DType.Q4_K, 40, 512, memory);
        HostBuffer input = HostBuffer.allocate(3 * 512 * 4);
        input.write(0, MemorySegment.ofArray(values));
        HostBuffer result = HostBuffer.allocate(3 * 40 * 4);
        new ReferenceKernels()
                .matmul(
                        Tensor.of(DType.F32, 3, 40, result),
                        Tensor.of(DType.F32, 3, 512, input),
                        weight);
        float[] out = new float[3 * 40];
        result.read(0, MemorySegment.ofArray(out));
        memory.close();
        input.close();
        result.close();
        return out;
    }
}
