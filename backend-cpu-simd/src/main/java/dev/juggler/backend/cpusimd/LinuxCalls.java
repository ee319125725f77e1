package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.BackendException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * What Linux offers for memory nodes and processors: mbind(2), sched_setaffinity(2). For one thread
 * at a time.
 */
final class LinuxCalls {
    /* From Linux's mempolicy.h. */
    static final int PREFERRED = 1;
    static final int INTERLEAVE = 3;
    private static final int MOVE_PAGES = 2;

    /* From errno.h. */
    static final int NOT_PERMITTED = 1;
    static final int INVALID = 22;
    static final int NO_SUCH_CALL = 38;

    private static final int MASK_BITS = 1024;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt NUMBER = ValueLayout.JAVA_INT;
    private static final Linker.Option KEEP_ERROR = Linker.Option.captureCallState("errno");
    private static final VarHandle ERROR =
            Linker.Option.captureStateLayout()
                    .varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private final MethodHandle system;
    private final MethodHandle setAffinity;
    private final MethodHandle getAffinity;
    private final int mbind;
    private final int pageSize;

    private LinuxCalls(int mbind) {
        this.mbind = mbind;
        // the C library has no mbind; a function of any number of arguments, of which this has
        // seven
        system =
                call(
                        "syscall",
                        FunctionDescriptor.of(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD),
                        Linker.Option.firstVariadicArg(1));
        FunctionDescriptor affinity =
                FunctionDescriptor.of(NUMBER, NUMBER, WORD, ValueLayout.ADDRESS);
        setAffinity = call("sched_setaffinity", affinity);
        getAffinity = call("sched_getaffinity", affinity);
        try (Arena arena = Arena.ofConfined()) {
            pageSize =
                    (int)
                            invoke(
                                    call("getpagesize", FunctionDescriptor.of(NUMBER)),
                                    arena.allocate(Linker.Option.captureStateLayout()));
        }
    }

    /**
     * Those of this system.
     *
     * @throws BackendException if it is another one
     */
    static LinuxCalls open() {
        String architecture = System.getProperty("os.arch", "");
        int mbind =
                switch (architecture) {
                    case "amd64", "x86_64" -> 237;
                    case "aarch64" -> 235;
                    default -> 0;
                };
        if (!System.getProperty("os.name", "").equals("Linux") || mbind == 0) {
            throw new BackendException(
                    "numa and pin need Linux on x86-64 or ARM; set juggler.backend.cpu-simd.numa = off and pin = false");
        }
        return new LinuxCalls(mbind);
    }

    int pageSize() {
        return pageSize;
    }

    /**
     * Lays pages on nodes, and moves those that are elsewhere.
     *
     * @param address of the first page
     * @return 0, or the system's error number
     */
    int bindMemory(long address, long bytes, int mode, Collection<Integer> nodes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Linker.Option.captureStateLayout());
            MemorySegment mask = mask(nodes, arena);
            long result =
                    invoke(
                            system,
                            state,
                            (long) mbind,
                            address,
                            bytes,
                            (long) mode,
                            mask.address(),
                            MASK_BITS + 1L, // the kernel takes one bit less than it is told
                            (long) MOVE_PAGES);
            return result == 0 ? 0 : (int) ERROR.get(state, 0L);
        }
    }

    /**
     * Lets this thread run on these processors alone.
     *
     * @return 0, or the system's error number
     */
    int runOn(Collection<Integer> processors) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Linker.Option.captureStateLayout());
            long result = invoke(setAffinity, state, 0, MASK_BITS / 8L, mask(processors, arena));
            return result == 0 ? 0 : (int) ERROR.get(state, 0L);
        }
    }

    /** Processors that this thread may run on. */
    Set<Integer> mayRunOn() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Linker.Option.captureStateLayout());
            MemorySegment mask = arena.allocate(MASK_BITS / 8, Long.BYTES);
            if (invoke(getAffinity, state, 0, MASK_BITS / 8L, mask) < 0) {
                throw new BackendException(
                        "sched_getaffinity failed with error %d; set juggler.backend.cpu-simd.pin = false"
                                .formatted((int) ERROR.get(state, 0L)));
            }
            Set<Integer> processors = new TreeSet<>();
            BitSet.valueOf(mask.toArray(ValueLayout.JAVA_LONG)).stream().forEach(processors::add);
            return processors;
        }
    }

    private static MemorySegment mask(Collection<Integer> numbers, Arena arena) {
        MemorySegment mask = arena.allocate(MASK_BITS / 8, Long.BYTES);
        for (int number : numbers) {
            if (number < MASK_BITS) {
                long index = number / Long.SIZE;
                mask.setAtIndex(WORD, index, mask.getAtIndex(WORD, index) | 1L << number);
            }
        }
        return mask;
    }

    @SuppressWarnings("restricted") // the descriptors are those of Linux
    private static MethodHandle call(
            String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        Optional<MemorySegment> address = linker.defaultLookup().find(name);
        List<Linker.Option> all = new ArrayList<>(List.of(options));
        all.add(KEEP_ERROR);
        return linker.downcallHandle(
                address.orElseThrow(() ->
                        new BackendException(
                                "this system has no %s; set juggler.backend.cpu-simd.numa = off and pin = false"
                                        .formatted(name))),
                descriptor,
                all.toArray(Linker.Option[]::new));
    }

    private static long invoke(MethodHandle function, MemorySegment state, Object... arguments) {
        List<Object> all = new ArrayList<>();
        all.add(state);
        all.addAll(List.of(arguments));
        try {
            return ((Number) function.invokeWithArguments(all)).longValue();
        } catch (Throwable e) {
            throw new IllegalStateException(e); // functions of C do not throw
        }
    }
}
