package dev.juggler.kernel;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The memory of the machine, or of the container that it pretends to be. On Linux it is read from
 * /proc and from the memory controller of the process's control groups (versions 1 and 2);
 * elsewhere the JVM is asked, which would load its whole management library.
 */
public final class HostMemory {
    private static final long NONE = -1;

    private final Path root;

    private HostMemory(Path root) {
        this.root = root;
    }

    /**
     * Total, and what could be allocated now; on Linux, memory of the file cache counts as free.
     */
    public static MemoryInfo now() {
        return of(Path.of("/"));
    }

    /**
     * As {@link #now()}, less what this process has allocated and not touched yet, which the system
     * still calls free.
     *
     * @param allocated bytes of buffers of this process that take memory when they are touched
     */
    public static MemoryInfo now(long allocated) {
        return of(Path.of("/"), allocated);
    }

    /** As {@link #now(long)}, for a machine whose /proc and /sys lie in this folder. */
    static MemoryInfo of(Path root, long allocated) {
        MemoryInfo memory = of(root);
        // All private memory of the process, touched buffers among it: untouched is at least the
        // rest.
        long resident = value(root.resolve("proc/self/status"), "RssAnon:") << 10;
        long untouched = resident < 0 ? 0 : Math.max(0, allocated - resident);
        return new MemoryInfo(memory.total(), Math.max(0, memory.free() - untouched));
    }

    /** As {@link #now()}, for a machine whose /proc and /sys lie in this folder. */
    static MemoryInfo of(Path root) {
        HostMemory memory = new HostMemory(root);
        Path meminfo = root.resolve("proc/meminfo");
        long total = value(meminfo, "MemTotal:") << 10;
        long free = value(meminfo, "MemAvailable:") << 10;
        return total > 0 && free > 0 ? memory.limited(new MemoryInfo(total, free)) : byJvm();
    }

    private static MemoryInfo byJvm() {
        var system =
                ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class);
        return new MemoryInfo(system.getTotalMemorySize(), system.getFreeMemorySize());
    }

    /** Whatever the control groups of this process leave of the machine's memory. */
    private MemoryInfo limited(MemoryInfo machine) {
        MemoryInfo memory = machine;
        for (String line : lines(root.resolve("proc/self/cgroup"))) {
            String[] parts = line.split(":", 3); // number:controllers:path
            if (parts.length < 3) {
                continue;
            }
            Path path = Path.of(parts[2]);
            if (parts[1].isEmpty()) {
                memory =
                        limited(
                                memory,
                                "sys/fs/cgroup",
                                path,
                                "memory.max",
                                "memory.current",
                                "file");
            } else if (List.of(parts[1].split(",")).contains("memory")) {
                memory =
                        limited(
                                memory,
                                "sys/fs/cgroup/memory",
                                path,
                                "memory.limit_in_bytes",
                                "memory.usage_in_bytes",
                                "total_cache");
            }
        }
        return memory;
    }

    /** The group and all groups around it count; a container may see its own group as the root. */
    private MemoryInfo limited(
            MemoryInfo outer,
            String mount,
            Path path,
            String limitFile,
            String usageFile,
            String cache) {
        long total = outer.total();
        long free = outer.free();
        Path top = root.resolve(mount);
        Path group = top.resolve(Path.of("/").relativize(path)).normalize();
        for (; group != null && group.startsWith(top); group = group.getParent()) {
            long limit = value(group.resolve(limitFile), "");
            if (limit > 0 && limit < outer.total()) {
                long used = Math.max(0, value(group.resolve(usageFile), ""));
                long cached = Math.max(0, value(group.resolve("memory.stat"), cache + " "));
                total = Math.min(total, limit);
                free = Math.min(free, Math.max(0, limit - used + Math.min(used, cached)));
            }
        }
        return new MemoryInfo(total, free);
    }

    /** The number behind {@code key} at the beginning of a line, or less than 0. */
    private static long value(Path file, String key) {
        for (String line : lines(file)) {
            if (line.startsWith(key)) {
                String number = line.substring(key.length()).strip();
                int digits = 0;
                while (digits < number.length() && Character.isDigit(number.charAt(digits))) {
                    digits++;
                }
                try {
                    return Long.parseLong(number, 0, digits, 10);
                } catch (NumberFormatException e) {
                    return NONE; // "max", or more than any memory
                }
            }
        }
        return NONE;
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            return List.of();
        }
    }
}
