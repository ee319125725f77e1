package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cuda.driver.DriverSource;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Probing, opening, memory and failures, on the kernels' host build. */
class CudaBackendTest {
    private static final long MEGABYTE = 1L << 20;

    @Test
    void withoutADriverItSaysWhatIsMissing() {
        CudaBackendProvider provider =
                new CudaBackendProvider(
                        () -> new DriverSource.Missing("libcuda.so.1 not found", "install it"),
                        device -> List.of());
        Availability.Unusable unusable =
                assertInstanceOf(Availability.Unusable.class, provider.probe());
        assertEquals("libcuda.so.1 not found", unusable.reason());
        BackendException refused =
                assertThrows(
                        BackendException.class, () -> provider.open(BackendOptions.of("cuda:0")));
        assertEquals("libcuda.so.1 not found; install it", refused.getMessage());
    }

    /** Whatever this machine has, the probe answers and does not throw. */
    @Test
    void theProbeOfThisMachineAnswers() {
        Availability found = new CudaBackendProvider().probe();
        System.out.println("cuda on this machine: " + found);
        if (found instanceof Availability.Unusable unusable) {
            assertTrue(!unusable.reason().isBlank() && !unusable.remedy().isBlank());
        }
    }

    @Test
    void listsItsDevices() {
        Availability.Usable usable =
                assertInstanceOf(
                        Availability.Usable.class,
                        HostBackends.provider(HostBackends.driver(2, HostBackends.MEMORY)).probe());
        assertEquals(List.of("cuda:0", "cuda:1"), usable.devices());
        assertTrue(usable.detail().contains("Emulated GPU 0 1 GiB"), usable.detail());
    }

    @Test
    void kernelsThatTheDriverRefusesAreReplaced() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        driver.refuseImagesOf(3);
        List<KernelImages.Candidate> candidates =
                List.of(
                        () -> new KernelImage(new byte[3], "too new"),
                        () -> new KernelImage(new byte[4], "compiled here"));
        CudaBackendProvider provider =
                new CudaBackendProvider(() -> new DriverSource.Found(driver), device -> candidates);
        try (Backend backend = provider.open(BackendOptions.of("cuda:0"))) {
            assertTrue(backend.description().contains("compiled here"), backend.description());
        }
        CudaBackendProvider without =
                new CudaBackendProvider(
                        () -> new DriverSource.Found(driver), device -> candidates.subList(0, 1));
        BackendException refused =
                assertThrows(
                        BackendException.class, () -> without.open(BackendOptions.of("cuda:0")));
        assertTrue(
                String.valueOf(refused.getMessage()).contains("takes none of the compiled kernels"),
                refused.getMessage());
        assertEquals(0, driver.device(0).used());
    }

    @ParameterizedTest
    @CsvSource({
        "memory, much",
        "memory, -1",
        "memory-reserve, 1XB",
        "graphs, maybe",
        "gemm, fastest",
        "activations, q3",
        "memmory, 1GiB"
    })
    void refusesWhatItDoesNotKnow(String key, String value) {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        BackendException refused =
                assertThrows(
                        BackendException.class,
                        () ->
                                HostBackends.provider(driver)
                                        .open(BackendOptions.of("cuda:0", Map.of(key, value))));
        assertTrue(String.valueOf(refused.getMessage()).contains(key), refused.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"cuda:1", "cuda:x", "cuda", "cuda:-1"})
    void refusesAnotherDevice(String name) {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        BackendException refused =
                assertThrows(
                        BackendException.class,
                        () -> HostBackends.provider(driver).open(BackendOptions.of(name)));
        assertTrue(String.valueOf(refused.getMessage()).contains(name), refused.getMessage());
    }

    @Test
    void theLedgerAddsUp() {
        HostDriver driver = HostBackends.driver(1, 256 * MEGABYTE);
        Backend backend =
                HostBackends.provider(driver)
                        .open(
                                BackendOptions.of(
                                        "cuda:0",
                                        Map.of("memory", "100MiB", "memory-reserve", "8MiB")));
        assertEquals(100 * MEGABYTE, backend.memory().total());
        long before = backend.memory().free();
        Random random = new Random(7);
        List<Buffer> buffers = new ArrayList<>();
        long sum = 0;
        for (int i = 0; i < 200; i++) {
            long bytes = 1L + random.nextInt(200_000);
            buffers.add(backend.allocate(bytes));
            sum += (bytes + 255) / 256 * 256;
        }
        assertEquals(before - sum, backend.memory().free());
        OutOfDeviceMemoryException full =
                assertThrows(
                        OutOfDeviceMemoryException.class, () -> backend.allocate(100 * MEGABYTE));
        assertTrue(
                String.valueOf(full.getMessage())
                        .contains("%d bytes free".formatted(backend.memory().free())),
                full.getMessage());
        Collections.shuffle(buffers, random);
        buffers.forEach(Buffer::close);
        buffers.forEach(Buffer::close);
        assertEquals(before, backend.memory().free());
        backend.close();
        assertEquals(0, driver.device(0).used());
    }

    /** Neighbours never overlap, whatever is freed and taken in between. */
    @Test
    void memoryThatIsUsedAgainIsZeroAndOnesOwn() {
        HostDriver driver = HostBackends.driver(1, 128 * MEGABYTE);
        Random random = new Random(11);
        try (Backend backend = HostBackends.open(driver, 0, false)) {
            List<Buffer> buffers = new ArrayList<>();
            List<byte[]> contents = new ArrayList<>();
            for (int round = 0; round < 300; round++) {
                if (buffers.size() > 20 || (!buffers.isEmpty() && random.nextInt(3) == 0)) {
                    int victim = random.nextInt(buffers.size());
                    assertArrayEquals(contents.get(victim), read(buffers.get(victim)));
                    buffers.remove(victim).close();
                    contents.remove(victim);
                } else {
                    int size = 1 + random.nextInt(random.nextInt(10) == 0 ? 6 << 20 : 5000);
                    Buffer buffer = backend.allocate(size);
                    assertArrayEquals(new byte[size], read(buffer));
                    byte[] content = new byte[size];
                    random.nextBytes(content);
                    buffer.write(0, MemorySegment.ofArray(content));
                    buffers.add(buffer);
                    contents.add(content);
                }
            }
        }
        assertEquals(0, driver.device(0).used());
    }

    private static byte[] read(Buffer buffer) {
        byte[] content = new byte[(int) buffer.byteSize()];
        buffer.read(0, MemorySegment.ofArray(content));
        return content;
    }

    /** More than pinned memory holds, while nobody waits for the device. */
    @Test
    void weightsOfAnySizeArrive() {
        HostDriver driver = HostBackends.driver(1, 256 * MEGABYTE);
        try (CudaBackend backend = HostBackends.open(driver, 0, false);
                Arena own = Arena.ofConfined();
                Arena shared = Arena.ofShared()) {
            adoptAndRead(backend, own.allocate(50 * MEGABYTE + 17));
            adoptAndRead(backend, shared.allocate(3 * MEGABYTE));
            assertEquals(0, backend.uploadedBytes(), "what only this thread reads, and little");
            long most = 90 * MEGABYTE + 17;
            adoptAndRead(backend, shared.allocate(most));
            assertEquals(most, backend.uploadedBytes(), "by several threads");
        }
        assertEquals(0, driver.device(0).used());
    }

    private static void adoptAndRead(Backend backend, MemorySegment weight) {
        for (long i = 0; i < weight.byteSize(); i++) {
            weight.set(ValueLayout.JAVA_BYTE, i, (byte) ((i * 31) >>> 3));
        }
        try (Buffer buffer = backend.adopt(weight);
                Arena arena = Arena.ofConfined()) {
            weight.set(ValueLayout.JAVA_BYTE, 0, (byte) 77); // pinned memory has it already
            MemorySegment back = arena.allocate(weight.byteSize());
            buffer.read(0, back);
            weight.set(ValueLayout.JAVA_BYTE, 0, (byte) 0);
            assertEquals(-1, weight.mismatch(back));
        }
    }

    @Test
    void aWeightThatCannotBeReadIsToldAndItsMemoryGivenBack() {
        HostDriver driver = HostBackends.driver(1, 256 * MEGABYTE);
        try (Backend backend = HostBackends.open(driver, 0, false)) {
            long free = backend.memory().free();
            MemorySegment gone;
            try (Arena arena = Arena.ofShared()) {
                gone = arena.allocate(9 * MEGABYTE);
            }
            assertThrows(BackendException.class, () -> backend.adopt(gone));
            assertEquals(free, backend.memory().free());
        }
    }

    @Test
    void aDeviceThatFailsStaysFailed() {
        HostDriver driver = HostBackends.driver(1, 256 * MEGABYTE);
        Backend backend = HostBackends.open(driver, 0, false);
        Tensor x = Tensor.of(DType.F32, 1, 64, backend.allocate(256));
        backend.synchronize();
        driver.device(0).failAfter(2);
        for (int i = 0; i < 5; i++) {
            backend.kernels().add(x, x, x);
        }
        DeviceFailedException failure =
                assertThrows(DeviceFailedException.class, backend::synchronize);
        assertEquals("cuda:0", failure.device());
        assertTrue(
                String.valueOf(failure.getMessage()).contains("CUDA_ERROR_ILLEGAL_ADDRESS"),
                failure.getMessage());
        assertThrows(DeviceFailedException.class, () -> backend.kernels().add(x, x, x));
        assertThrows(DeviceFailedException.class, () -> backend.allocate(8));
        assertThrows(DeviceFailedException.class, backend::memory);
        assertThrows(
                DeviceFailedException.class,
                () -> x.buffer().read(0, MemorySegment.ofArray(new float[64])));
        x.buffer().close(); // never throws
        backend.close();
    }

    @Test
    void tensorsOfAnotherDeviceAreRefused() {
        HostDriver driver = HostBackends.driver(2, 256 * MEGABYTE);
        try (Backend first = HostBackends.open(driver, 0, false);
                Backend second = HostBackends.open(driver, 1, false)) {
            Tensor here = Tensor.of(DType.F32, 1, 64, first.allocate(256));
            Tensor there = Tensor.of(DType.F32, 1, 64, second.allocate(256));
            IllegalArgumentException refused =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> first.kernels().add(here, here, there));
            assertTrue(
                    String.valueOf(refused.getMessage()).contains("not in the memory of cuda:0"),
                    refused.getMessage());
            first.kernels().add(here, here, here);
        }
    }

    @Test
    void speedsAreMeasured() {
        try (Backend backend =
                HostBackends.open(HostBackends.driver(1, 256 * MEGABYTE), 0, false)) {
            assertTrue(backend.speed().bytesPerSecond() > 1e6, backend.speed().toString());
            assertTrue(backend.speed().linkBytesPerSecond() > 1e6, backend.speed().toString());
            assertTrue(backend.speed().operationsPerSecond() > 1e6, backend.speed().toString());
        }
    }
}
