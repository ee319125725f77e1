package dev.juggler.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Big zeroed memory that costs nothing before it is touched: the system's {@code calloc} takes it
 * from pages that are zeroed on first use. {@link Arena} would write all of it at once, which for a
 * cache of gigabytes takes a second, and keeps memory that is perhaps never used.
 */
final class ZeroedMemory {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final MethodHandle CALLOC =
            function(
                    "calloc",
                    FunctionDescriptor.of(
                            ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle FREE =
            function("free", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));

    private ZeroedMemory() {}

    /**
     * Allocates memory.
     *
     * @param bytes its size
     * @param alignment of its address, in bytes
     * @param arena frees it
     * @throws OutOfMemoryError if the system has none
     */
    @SuppressWarnings("restricted") // the address is what calloc has just given
    static MemorySegment allocate(long bytes, long alignment, Arena arena) {
        long length = Math.addExact(bytes, alignment);
        MemorySegment start = calloc(length);
        if (start.address() == 0) {
            throw new OutOfMemoryError("the system has no %d bytes".formatted(bytes));
        }
        return start.reinterpret(length, arena, ZeroedMemory::free)
                .asSlice(-start.address() & (alignment - 1), bytes);
    }

    private static MemorySegment calloc(long bytes) {
        try {
            return (MemorySegment) CALLOC.invokeExact(1L, bytes);
        } catch (Throwable e) {
            throw new IllegalStateException(e); // functions of C do not throw
        }
    }

    private static void free(MemorySegment start) {
        try {
            FREE.invokeExact(start);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @SuppressWarnings("restricted") // the descriptors are those of the C standard
    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor);
    }
}
