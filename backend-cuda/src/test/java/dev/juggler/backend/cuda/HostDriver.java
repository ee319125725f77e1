package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DeviceProperties;
import dev.juggler.backend.cuda.driver.Driver;
import dev.juggler.backend.cuda.driver.DriverDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A driver without a GPU: devices whose memory is guarded host memory, whose streams do nothing
 * before somebody waits for them, and whose kernels are the GPU's own sources compiled for the
 * processor.
 */
final class HostDriver implements Driver {
    private final HostLibrary library;
    private final List<HostDevice.Memory> memories;

    /** Of sm_86 and sm_89, the least of all but Turing. */
    private static final int SHARED_BYTES = 99 << 10;

    /**
     * @param memory bytes that each device has
     */
    HostDriver(HostLibrary library, int devices, long memory) {
        this.library = library;
        memories = new ArrayList<>();
        for (int i = 0; i < devices; i++) {
            memories.add(new HostDevice.Memory(memory));
        }
    }

    @Override
    public String version() {
        return "host build";
    }

    @Override
    public List<String> missingLibraries() {
        return List.of();
    }

    @Override
    public List<DeviceProperties> devices() {
        return IntStream.range(0, memories.size()).mapToObj(this::properties).toList();
    }

    private DeviceProperties properties(int ordinal) {
        return new DeviceProperties(
                "Emulated GPU " + ordinal,
                memories.get(ordinal).bytes(),
                8,
                0,
                4,
                SHARED_BYTES,
                1e9,
                1e9);
    }

    @Override
    public DriverDevice open(int ordinal) {
        return new HostDevice(library, properties(ordinal), memories.get(ordinal));
    }

    /** Refuses modules of so many bytes, as a driver does that is older than the compiler. */
    void refuseImagesOf(int bytes) {
        memories.forEach(memory -> memory.refuseImagesOf(bytes));
    }

    /** What a test may do to a device. */
    HostDevice.Memory device(int ordinal) {
        return memories.get(ordinal);
    }
}
