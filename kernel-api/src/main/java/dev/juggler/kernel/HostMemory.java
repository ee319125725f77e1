package dev.juggler.kernel;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The memory of the machine, or of the container that it pretends to be. */
public final class HostMemory {
    private static final Path MEMINFO = Path.of("/proc/meminfo");

    private HostMemory() {}

    /**
     * Total, and what could be allocated now; on Linux, memory of the file cache counts as free.
     */
    public static MemoryInfo now() {
        var system =
                ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class);
        long total = system.getTotalMemorySize();
        long free = system.getFreeMemorySize();
        // A container's limit is below the machine's total: there the JVM's own count is right.
        if (total == meminfo("MemTotal:", -1)) {
            free = meminfo("MemAvailable:", free);
        }
        return new MemoryInfo(total, free);
    }

    private static long meminfo(String key, long otherwise) {
        try {
            List<String> lines = Files.readAllLines(MEMINFO);
            for (String line : lines) {
                if (line.startsWith(key)) {
                    return Long.parseLong(line.replaceAll("\\D", "")) << 10;
                }
            }
        } catch (IOException | NumberFormatException e) {
            // Not Linux, or a kernel that writes it another way.
        }
        return otherwise;
    }
}
