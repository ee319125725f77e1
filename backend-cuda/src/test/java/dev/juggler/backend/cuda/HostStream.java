package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.Arguments;
import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverFunction;
import dev.juggler.backend.cuda.driver.DriverGraph;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.backend.cuda.driver.Geometry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A stream that does its work as late as a GPU may: when somebody waits for it. A missing wait, or
 * memory that is used again too early, then gives wrong results every time.
 */
final class HostStream implements DriverStream {
    private static final Object ONE_AT_A_TIME = new Object();

    private final HostDevice device;
    private final Deque<Runnable> work = new ArrayDeque<>();
    private @Nullable List<Launch> capture;

    /** A launch with the arguments as they were. */
    private static final class Launch {
        private final HostDevice.Function function;
        private final int[] geometry;
        private final long[] words;

        Launch(HostDevice.Function function, Geometry geometry, Arguments arguments) {
            function.requireShared(geometry.sharedBytes());
            this.function = function;
            this.geometry =
                    new int[] {
                        geometry.gridX(),
                        geometry.gridY(),
                        geometry.gridZ(),
                        geometry.block(),
                        1,
                        1,
                        geometry.sharedBytes()
                    };
            words = new long[arguments.count()];
            for (int i = 0; i < words.length; i++) {
                words[i] = arguments.word(i);
            }
        }

        void run(HostDevice device) {
            device.device().work();
            device.device().launched();
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment values = arena.allocate(ValueLayout.JAVA_LONG, words.length);
                MemorySegment addresses = arena.allocate(ValueLayout.ADDRESS, words.length);
                for (int i = 0; i < words.length; i++) {
                    values.setAtIndex(ValueLayout.JAVA_LONG, i, words[i]);
                    addresses.setAtIndex(ValueLayout.ADDRESS, i, values.asSlice(i * 8L));
                }
                MemorySegment shape = arena.allocateFrom(ValueLayout.JAVA_INT, geometry);
                device.library().launch(function.nativeName(), shape, addresses);
            }
        }
    }

    /** A mark: the stream that it was put into last, and how much of that must be done. */
    static final class Mark implements DriverEvent {
        private @Nullable HostStream stream;
        private long recorded;
        private long reached;
        private long time;

        @Override
        public void synchronize() {
            HostStream in = stream;
            if (in != null) {
                in.drainUntil(this, recorded);
            }
        }

        /** Each time somebody asks, one piece of work has been done. */
        @Override
        public boolean isReached() {
            synchronized (ONE_AT_A_TIME) {
                if (reached < recorded && stream != null && !stream.work.isEmpty()) {
                    stream.work.remove().run();
                }
                return reached >= recorded;
            }
        }

        @Override
        public double secondsSince(DriverEvent earlier) {
            return (time - ((Mark) earlier).time) / 1e9;
        }

        @Override
        public void close() {
            // nothing is held
        }
    }

    private record Graph(List<Launch> launches) implements DriverGraph {
        @Override
        public void close() {
            // nothing is held
        }
    }

    HostStream(HostDevice device) {
        this.device = device;
    }

    /** Adds work to do, later. */
    void enqueue(Runnable task) {
        device.device().requireAlive();
        if (capture != null) {
            throw new AssertionError("only launches are captured");
        }
        synchronized (ONE_AT_A_TIME) {
            work.add(task);
        }
    }

    private void drainUntil(Mark mark, long recording) {
        synchronized (ONE_AT_A_TIME) {
            while (mark.reached < recording && !work.isEmpty()) {
                work.remove().run();
            }
        }
    }

    @Override
    public void copyIn(long to, MemorySegment from) {
        device.requirePinned(from);
        enqueue(() -> {
            device.device().work();
            device.device().at(to, from.byteSize()).copyFrom(from);
        });
    }

    @Override
    public void copyOut(MemorySegment to, long from) {
        device.requirePinned(to);
        enqueue(() -> {
            device.device().work();
            to.copyFrom(device.device().at(from, to.byteSize()));
        });
    }

    @Override
    public void copy(long to, long from, long bytes) {
        enqueue(() -> device.device().at(to, bytes).copyFrom(device.device().at(from, bytes)));
    }

    @Override
    public void copyFrom(DriverDevice source, long to, long from, long bytes) {
        HostDevice.Memory other = ((HostDevice) source).device();
        enqueue(() -> {
            device.device().work();
            device.device().cameFromPeer(bytes);
            device.device().at(to, bytes).copyFrom(other.at(from, bytes));
        });
    }

    @Override
    public void zero(long address, long bytes) {
        enqueue(() -> device.device().at(address, bytes).fill((byte) 0));
    }

    @Override
    public void launch(DriverFunction function, Geometry geometry, Arguments arguments) {
        Launch launch = new Launch((HostDevice.Function) function, geometry, arguments);
        if (capture != null) {
            capture.add(launch);
        } else {
            enqueue(() -> launch.run(device));
        }
    }

    @Override
    public void launch(DriverGraph graph) {
        enqueue(() -> {
            device.device().graphLaunched();
            ((Graph) graph).launches.forEach(launch -> launch.run(device));
        });
    }

    @Override
    public void record(DriverEvent event) {
        Mark mark = (Mark) event;
        long recording;
        synchronized (ONE_AT_A_TIME) {
            mark.stream = this;
            recording = ++mark.recorded;
        }
        enqueue(() -> {
            mark.reached = recording;
            mark.time = System.nanoTime();
        });
    }

    /** As CUDA's: what counts is what the mark stands for now, wherever it is put later. */
    @Override
    public void await(DriverEvent event) {
        Mark mark = (Mark) event;
        HostStream in;
        long recording;
        synchronized (ONE_AT_A_TIME) {
            in = mark.stream;
            recording = mark.recorded;
        }
        if (in != null) {
            enqueue(() -> in.drainUntil(mark, recording));
        }
    }

    @Override
    public void beginCapture() {
        capture = new ArrayList<>();
    }

    @Override
    public DriverGraph endCapture() {
        List<Launch> recorded = capture;
        capture = null;
        if (recorded == null) {
            throw new AssertionError("nothing is being captured");
        }
        return new Graph(recorded);
    }

    @Override
    public void synchronize() {
        synchronized (ONE_AT_A_TIME) {
            while (!work.isEmpty()) {
                work.remove().run();
            }
        }
        device.device().requireAlive();
    }

    @Override
    public void close() {
        if (!work.isEmpty() && !device.device().isLost()) {
            throw new AssertionError(
                    "%d pieces of work were never waited for".formatted(work.size()));
        }
    }
}
