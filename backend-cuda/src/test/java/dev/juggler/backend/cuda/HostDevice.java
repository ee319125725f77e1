package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DeviceProperties;
import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverFunction;
import dev.juggler.backend.cuda.driver.DriverModule;
import dev.juggler.backend.cuda.driver.DriverProducts;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.kernel.MemoryInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * One opening of an emulated device. What it hands out is poisoned and has guard zones; what is
 * copied must be inside of it and, on the host's side, pinned.
 */
final class HostDevice implements DriverDevice {
    private static final long GUARD = 512;
    private static final byte GUARD_BYTE = (byte) 0xC3;
    private static final byte POISON = (byte) 0xFF; // NaN as floats, -1 as ids
    private static final int LOST = 700;

    private final HostLibrary library;
    private final DeviceProperties properties;
    private final Memory memory;

    /** The device itself, which all openings share. */
    static final class Memory {
        private final long bytes;
        private final AtomicLong operationsLeft = new AtomicLong(Long.MAX_VALUE);
        private final TreeMap<Long, Piece> pieces = new TreeMap<>();
        private long used;
        private volatile boolean lost;
        private long launches;
        private long graphLaunches;
        private long peerBytes;
        private int refusedImage;
        private boolean alone;
        private boolean withoutProducts;

        Memory(long bytes) {
            this.bytes = bytes;
        }

        long bytes() {
            return bytes;
        }

        /** Bytes that are allocated now. */
        synchronized long used() {
            return used;
        }

        /** Fails in the launch or copy after so many, and from then on in all. */
        void failAfter(long operations) {
            operationsLeft.set(operations);
        }

        void refuseImagesOf(int bytes) {
            refusedImage = bytes;
        }

        /** Has no library of products. */
        void hasNoProducts() {
            withoutProducts = true;
        }

        /** Cannot copy from other devices directly. */
        void reachesNobody() {
            alone = true;
        }

        /** Kernels that ran. */
        long launches() {
            return launches;
        }

        /** Graphs that were launched. */
        long graphLaunches() {
            return graphLaunches;
        }

        /** Bytes that came from other devices directly. */
        long peerBytes() {
            return peerBytes;
        }

        void graphLaunched() {
            graphLaunches++;
        }

        void cameFromPeer(long count) {
            peerBytes += count;
        }

        void launched() {
            launches++;
        }

        void requireAlive() {
            if (lost) {
                throw new DriverException(
                        "cuStreamSynchronize", LOST, "CUDA_ERROR_ILLEGAL_ADDRESS (injected)");
            }
        }

        boolean isLost() {
            return lost;
        }

        /** Some work is done now. */
        void work() {
            if (operationsLeft.getAndDecrement() <= 0) {
                lost = true;
            }
            requireAlive();
        }

        /** The bytes at an address. */
        synchronized MemorySegment at(long address, long count) {
            Map.Entry<Long, Piece> piece = pieces.floorEntry(address);
            if (piece == null || address - piece.getKey() > piece.getValue().size - count) {
                throw new AssertionError(
                        "%d bytes at %x are not in device memory".formatted(count, address));
            }
            return piece.getValue().content().asSlice(address - piece.getKey(), count);
        }

        private synchronized long take(long size) {
            requireAlive();
            if (size > bytes - used) {
                throw new DriverException(
                        "cuMemAlloc", DriverException.OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY");
            }
            Piece piece = new Piece(size);
            pieces.put(piece.address(), piece);
            used += size;
            return piece.address();
        }

        private synchronized void give(long address) {
            requireAlive();
            Piece piece = pieces.remove(address);
            if (piece == null) {
                throw new AssertionError("address %x is not allocated".formatted(address));
            }
            used -= piece.size;
            piece.check();
            piece.arena.close();
        }

        /** A variable of a module is device memory too. */
        private synchronized void add(Piece piece) {
            pieces.put(piece.address(), piece);
        }
    }

    @SuppressWarnings("restricted") // a variable of the library is memory that it knows itself
    private static final class Piece {
        private final Arena arena = Arena.ofShared();
        private final MemorySegment whole;
        private final long size;
        private final long guard;

        Piece(long size) {
            this.size = size;
            guard = GUARD;
            whole = arena.allocate(size + 2 * GUARD, 256);
            whole.fill(GUARD_BYTE);
            content().fill(POISON);
        }

        Piece(long address, long size) {
            this.size = size;
            guard = 0;
            whole = MemorySegment.ofAddress(address).reinterpret(size);
        }

        long address() {
            return whole.address() + guard;
        }

        MemorySegment content() {
            return whole.asSlice(guard, size);
        }

        void check() {
            for (long i = 0; i < GUARD; i++) {
                if (whole.get(ValueLayout.JAVA_BYTE, i) != GUARD_BYTE
                        || whole.get(ValueLayout.JAVA_BYTE, GUARD + size + i) != GUARD_BYTE) {
                    throw new AssertionError(
                            "a kernel has written beside %d bytes of device memory"
                                    .formatted(size));
                }
            }
        }
    }

    private final TreeMap<Long, MemorySegment> pinned = new TreeMap<>();

    HostDevice(HostLibrary library, DeviceProperties properties, Memory memory) {
        this.library = library;
        this.properties = properties;
        this.memory = memory;
    }

    Memory device() {
        return memory;
    }

    HostLibrary library() {
        return library;
    }

    /** Fails where host memory is not pinned: a GPU would copy it later, or wait in secret. */
    synchronized void requirePinned(MemorySegment host) {
        Map.Entry<Long, MemorySegment> piece = pinned.floorEntry(host.address());
        if (piece == null
                || host.address() + host.byteSize()
                        > piece.getKey() + piece.getValue().byteSize()) {
            throw new AssertionError("%d bytes are not pinned".formatted(host.byteSize()));
        }
    }

    @Override
    public DeviceProperties properties() {
        return properties;
    }

    @Override
    public MemoryInfo memory() {
        memory.requireAlive();
        return new MemoryInfo(memory.bytes(), memory.bytes() - memory.used());
    }

    @Override
    public long allocate(long bytes) {
        return memory.take(bytes);
    }

    @Override
    public void free(long address) {
        memory.give(address);
    }

    @Override
    public synchronized MemorySegment allocatePinned(long bytes) {
        memory.requireAlive();
        MemorySegment segment = Arena.ofAuto().allocate(bytes, 4096);
        pinned.put(segment.address(), segment);
        return segment;
    }

    @Override
    public synchronized void freePinned(MemorySegment segment) {
        if (pinned.remove(segment.address()) == null) {
            throw new AssertionError("this memory is not pinned");
        }
    }

    @Override
    public DriverStream createStream() {
        return new HostStream(this);
    }

    @Override
    public @Nullable DriverProducts createProducts(DriverStream stream) {
        return memory.withoutProducts ? null : new HostProducts(memory, (HostStream) stream);
    }

    @Override
    public DriverEvent createEvent() {
        return new HostStream.Mark();
    }

    @Override
    public DriverModule load(byte[] image) {
        if (image.length == memory.refusedImage) {
            throw new DriverException(
                    "cuModuleLoadData", 222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
        }
        return new Module();
    }

    @Override
    public boolean reaches(DriverDevice other) {
        return other instanceof HostDevice && !memory.alone;
    }

    @Override
    public void close() {
        if (!pinned.isEmpty()) {
            throw new AssertionError("%d pinned pieces are left".formatted(pinned.size()));
        }
    }

    /** A kernel of the host build. */
    static final class Function implements DriverFunction {
        private final String name;
        private final MemorySegment nativeName;
        private int allowedShared = 48 << 10;

        Function(String name) {
            this.name = name;
            nativeName = Arena.ofAuto().allocateFrom(name);
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public void allowShared(int bytes) {
            allowedShared = bytes;
        }

        MemorySegment nativeName() {
            return nativeName;
        }

        /** Fails as cuLaunchKernel does where more is asked for than is allowed. */
        void requireShared(int bytes) {
            if (bytes > allowedShared) {
                throw new DriverException(name, 1, "CUDA_ERROR_INVALID_VALUE");
            }
        }
    }

    private final class Module implements DriverModule {
        @Override
        public DriverFunction function(String name) {
            if (!library.kernels().contains(name)) {
                throw new DriverException(
                        "cuModuleGetFunction " + name, 500, "CUDA_ERROR_NOT_FOUND");
            }
            return new Function(name);
        }

        @Override
        public long global(String name) {
            long address = library.symbol(name);
            if (address == 0) {
                throw new DriverException("cuModuleGetGlobal " + name, 500, "CUDA_ERROR_NOT_FOUND");
            }
            memory.add(new Piece(address, 64 << 10));
            return address;
        }

        @Override
        public void close() {
            memory.requireAlive();
        }
    }
}
