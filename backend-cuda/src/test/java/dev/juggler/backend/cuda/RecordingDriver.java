package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.Arguments;
import dev.juggler.backend.cuda.driver.DeviceProperties;
import dev.juggler.backend.cuda.driver.Driver;
import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverFunction;
import dev.juggler.backend.cuda.driver.DriverGraph;
import dev.juggler.backend.cuda.driver.DriverModule;
import dev.juggler.backend.cuda.driver.DriverProducts;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.backend.cuda.driver.Geometry;
import dev.juggler.kernel.MemoryInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A driver that does nothing and remembers what it was asked for. */
final class RecordingDriver implements Driver, DriverDevice, DriverStream {
    /** Shared memory of a block as Hopper has it, and as Turing has it. */
    static final int MUCH_SHARED = 227 << 10;

    static final int LITTLE_SHARED = 64 << 10;

    private final DeviceProperties properties;
    private final List<Launch> launches = new ArrayList<>();
    private final List<String> calls = new ArrayList<>();
    private long next = 1L << 40;
    private boolean capturing;
    private boolean refusesCapture;

    /**
     * One launch.
     *
     * @param geometry grid x, y, z, block and shared bytes
     * @param arguments Long for addresses and wide numbers, Integer and Float for the others
     */
    record Launch(String kernel, List<Integer> geometry, List<Object> arguments) {}

    private record Function(String name, List<String> calls) implements DriverFunction {
        @Override
        public void allowShared(int bytes) {
            calls.add("allow " + name + " " + bytes);
        }
    }

    RecordingDriver() {
        this(MUCH_SHARED);
    }

    RecordingDriver(int sharedBytes) {
        properties =
                new DeviceProperties("Recorder", 80L << 30, 9, 0, 132, sharedBytes, 3e12, 1.7e9);
    }

    /** From now on no graph can be made. */
    void refuseCapture() {
        refusesCapture = true;
    }

    /** Launches since the last call of this. */
    List<Launch> taken() {
        List<Launch> taken = List.copyOf(launches);
        launches.clear();
        return taken;
    }

    /** Calls other than launches since the last call of this. */
    List<String> takenCalls() {
        List<String> taken = List.copyOf(calls);
        calls.clear();
        return taken;
    }

    private final class Nothing implements DriverEvent, DriverGraph, DriverModule {
        @Override
        public void synchronize() {}

        @Override
        public boolean isReached() {
            return true;
        }

        @Override
        public double secondsSince(DriverEvent earlier) {
            return 1e-3;
        }

        @Override
        public DriverFunction function(String name) {
            return new Function(name, calls);
        }

        @Override
        public long global(String name) {
            return allocate(1 << 16);
        }

        @Override
        public void close() {}
    }

    @Override
    public String version() {
        return "recorder";
    }

    @Override
    public List<String> missingLibraries() {
        return List.of("libsomething.so.12");
    }

    @Override
    public List<DeviceProperties> devices() {
        return List.of(properties);
    }

    @Override
    public DriverDevice open(int ordinal) {
        return this;
    }

    @Override
    public DeviceProperties properties() {
        return properties;
    }

    @Override
    public MemoryInfo memory() {
        return new MemoryInfo(properties.memory(), properties.memory());
    }

    @Override
    public long allocate(long bytes) {
        long address = next;
        next += (bytes + 255) / 256 * 256;
        return address;
    }

    @Override
    public void free(long address) {}

    @Override
    public MemorySegment allocatePinned(long bytes) {
        return Arena.ofAuto().allocate(bytes);
    }

    @Override
    public void freePinned(MemorySegment memory) {}

    @Override
    public DriverStream createStream() {
        return this;
    }

    @Override
    public DriverProducts createProducts(DriverStream stream) {
        return new DriverProducts() {
            @Override
            public void multiply(Matrix out, Matrix x, long weight, int rows, int n, int k) {
                launches.add(
                        new Launch(
                                "product",
                                List.of(rows, n, k, out.width(), x.width()),
                                List.of(out.address(), x.address(), weight)));
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public DriverEvent createEvent() {
        return new Nothing();
    }

    @Override
    public DriverModule load(byte[] image) {
        return new Nothing();
    }

    @Override
    public boolean reaches(DriverDevice other) {
        return false;
    }

    @Override
    public void copyIn(long to, MemorySegment from) {
        calls.add("copyIn " + from.byteSize());
    }

    @Override
    public void copyOut(MemorySegment to, long from) {
        calls.add("copyOut " + to.byteSize());
    }

    @Override
    public void copy(long to, long from, long bytes) {
        calls.add("copy " + bytes);
    }

    @Override
    public void copyFrom(DriverDevice source, long to, long from, long bytes) {
        calls.add("copyFrom " + bytes);
    }

    @Override
    public void zero(long address, long bytes) {
        calls.add("zero " + bytes);
    }

    @Override
    public void launch(DriverFunction function, Geometry geometry, Arguments arguments) {
        List<Object> unpacked = new ArrayList<>();
        for (int i = 0; i < arguments.count(); i++) {
            long word = arguments.word(i);
            unpacked.add(
                    switch (arguments.kind(i)) {
                        case POINTER, LONG -> word;
                        case INT -> (int) word;
                        case FLOAT -> Float.intBitsToFloat((int) word);
                    });
        }
        launches.add(
                new Launch(
                        (capturing ? "captured " : "") + function.name(),
                        List.of(
                                geometry.gridX(),
                                geometry.gridY(),
                                geometry.gridZ(),
                                geometry.block(),
                                geometry.sharedBytes()),
                        unpacked));
    }

    @Override
    public void launch(DriverGraph graph) {
        calls.add("graph");
    }

    @Override
    public void record(DriverEvent event) {
        calls.add("record");
    }

    @Override
    public void await(DriverEvent event) {
        calls.add("await");
    }

    @Override
    public void beginCapture() {
        capturing = true;
    }

    @Override
    public DriverGraph endCapture() {
        capturing = false;
        if (refusesCapture) {
            throw new DriverException("cuStreamEndCapture", 901, "CUDA_ERROR_STREAM_CAPTURE");
        }
        return new Nothing();
    }

    @Override
    public void synchronize() {
        calls.add("synchronize");
    }

    @Override
    public void close() {}
}
