package dev.juggler.engine.gguf;

import dev.juggler.kernel.HostBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What operating systems offer beside mapping a file: memory in huge pages (Linux, transparent huge
 * pages) and locking pages so that they are never swapped out or dropped (POSIX mlock).
 */
public final class SystemMemory {
    private static final Path TRANSPARENT_HUGE_PAGES =
            Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final Path PAGES = Path.of("/proc/self/smaps_rollup");
    private static final String HUGE_FILE_PAGES = "FilePmdMapped:";

    /** Bytes of a huge page. */
    static final long HUGE_PAGE = 2L << 20;

    /* From Linux's mman.h. */
    private static final int ADVISE_HUGE_PAGES = 14;

    private SystemMemory() {}

    /** Whether memory in huge pages can be had here. */
    public static boolean hasHugePages() {
        try {
            String modes = Files.readString(TRANSPARENT_HUGE_PAGES);
            return modes.contains("[madvise]") || modes.contains("[always]");
        } catch (IOException e) { // another system, or a kernel without them
            return false;
        }
    }

    /**
     * Bytes of mapped files that this process has touched and that lie in huge pages; 0 where no
     * system says.
     */
    static long hugeFileBytes() {
        try {
            for (String line : Files.readAllLines(PAGES)) { // "FilePmdMapped:     2048 kB"
                if (line.startsWith(HUGE_FILE_PAGES)) {
                    String[] words = line.substring(HUGE_FILE_PAGES.length()).strip().split(" ", 2);
                    return Long.parseLong(words[0]) << 10;
                }
            }
            return 0;
        } catch (IOException e) { // another system, or a kernel without it
            return 0;
        }
    }

    /**
     * Allocates memory in huge pages as far as the system has some, zeroed when it is touched.
     *
     * @param arena frees it
     * @throws IOException if there is no such memory, with the reason
     */
    @SuppressWarnings("restricted") // the buffer is open as long as the arena
    public static MemorySegment allocateHuge(long bytes, Arena arena) throws IOException {
        long length = Math.ceilDiv(bytes, HUGE_PAGE) * HUGE_PAGE + HUGE_PAGE;
        HostBuffer buffer;
        try {
            buffer = HostBuffer.allocate(length);
        } catch (OutOfMemoryError e) {
            throw new IOException(e.getMessage(), e);
        }
        MemorySegment all = buffer.host().reinterpret(arena, memory -> buffer.close());
        long pages = -all.address() & (HUGE_PAGE - 1);
        adviseHuge(all.asSlice(pages, length - HUGE_PAGE));
        return all.asSlice(pages, bytes);
    }

    /**
     * Asks for huge pages; a system that has none for us uses small ones. Of a mapped file, what is
     * read from the disk from now on comes in huge pages where the file system has some (ext4 since
     * Linux 6.16, XFS, Btrfs), and stays in them for others who map it later.
     *
     * @throws IOException if this is no Linux
     */
    @SuppressWarnings("restricted") // the descriptor is that of madvise(2)
    static void adviseHuge(MemorySegment memory) throws IOException {
        Linker linker = Linker.nativeLinker();
        MethodHandle advise =
                linker.downcallHandle(
                        address(linker, "madvise"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_INT));
        try {
            int _ =
                    (int)
                            advise.invokeExact(
                                    memory.address(), memory.byteSize(), ADVISE_HUGE_PAGES);
        } catch (Throwable e) {
            throw new IllegalStateException(e); // functions of C do not throw
        }
    }

    private static MemorySegment address(Linker linker, String name) throws IOException {
        return linker.defaultLookup()
                .find(name)
                .orElseThrow(() -> new IOException("this system has no " + name));
    }

    /**
     * Keeps pages in memory for as long as they are mapped.
     *
     * @throws IOException if the system does not allow it, with the reason
     */
    static void lock(MemorySegment memory) throws IOException {
        Call lock =
                new Call(
                        "mlock",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG));
        if (lock.apply(memory.address(), memory.byteSize()) != 0) {
            throw new IOException("mlock failed with error " + lock.error());
        }
    }

    /** A function of the C library, whose error number is kept. */
    private static final class Call {
        private static final Linker.Option KEEP_ERROR = Linker.Option.captureCallState("errno");
        private static final VarHandle ERROR =
                Linker.Option.captureStateLayout()
                        .varHandle(MemoryLayout.PathElement.groupElement("errno"));

        private final MethodHandle function;
        private final MemorySegment state =
                Arena.ofAuto().allocate(Linker.Option.captureStateLayout());

        @SuppressWarnings("restricted") // the descriptors are those of POSIX
        Call(String name, FunctionDescriptor descriptor) throws IOException {
            Linker linker = Linker.nativeLinker();
            function = linker.downcallHandle(address(linker, name), descriptor, KEEP_ERROR);
        }

        long apply(Object... arguments) {
            Object[] all = new Object[arguments.length + 1];
            all[0] = state;
            System.arraycopy(arguments, 0, all, 1, arguments.length);
            try {
                return ((Number) function.invokeWithArguments(all)).longValue();
            } catch (Throwable e) {
                throw new IllegalStateException(e); // functions of C do not throw
            }
        }

        int error() {
            return (int) ERROR.get(state, 0L);
        }
    }
}
