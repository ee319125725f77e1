package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuSimdBackendTest {
    private final CpuSimdBackendProvider provider = new CpuSimdBackendProvider();

    @Test
    void isFoundAndUsable() {
        List<String> names =
                ServiceLoader.load(BackendProvider.class).stream()
                        .map(found -> found.get().name())
                        .toList();
        assertTrue(names.contains("cpu-simd"), names.toString());
        Availability.Usable usable = (Availability.Usable) provider.probe();
        assertEquals(100, usable.score());
        assertEquals(List.of("cpu"), usable.devices());
    }

    @Test
    void describesItsChoices() {
        try (Backend backend = provider.open(BackendOptions.of("cpu"))) {
            assertEquals("cpu", backend.device());
            assertTrue(backend.usesHostMemory());
            int threads = Runtime.getRuntime().availableProcessors();
            assertTrue(backend.description().contains(threads + " thread"), backend.description());
        }
        try (Backend backend = Backends.open("reference", 256, 2)) {
            assertTrue(backend.description().startsWith("reference"), backend.description());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "threads, 0",
        "threads, many",
        "threads, 100000",
        "vector-bits, 384",
        "kernels, fast",
        "activations, q3",
        "thraeds, 2"
    })
    void refusesWhatItDoesNotKnow(String key, String value) {
        BackendException refused =
                assertThrows(
                        BackendException.class,
                        () -> provider.open(BackendOptions.of("cpu", Map.of(key, value))));
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.contains(key), message);
        assertTrue(key.equals("thraeds") || message.contains(value), message);
    }

    @Test
    void refusesAnotherDevice() {
        BackendException refused =
                assertThrows(
                        BackendException.class, () -> provider.open(BackendOptions.of("cpu:1")));
        assertTrue(String.valueOf(refused.getMessage()).contains("cpu:1"));
    }

    @Test
    void memoryEndsWithTheBackend() {
        Backend backend = Backends.open("auto", 256, 2);
        Buffer buffer = backend.allocate(1000);
        assertEquals(1000, buffer.byteSize());
        assertThrows(OutOfDeviceMemoryException.class, () -> backend.allocate(Long.MAX_VALUE / 2));
        backend.close();
        backend.close();
        assertThrows(
                IllegalStateException.class,
                () -> buffer.read(0, MemorySegment.ofArray(new byte[8])));
    }
}
