package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.backend.cuda.driver.Arguments;
import dev.juggler.backend.cuda.driver.Arguments.Kind;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverGraph;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.backend.cuda.driver.Geometry;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Launches on their way to the device. They are collected in runs of up to {@value #LONGEST}; a run
 * that is the same as an earlier one, kernel by kernel and argument by argument, is captured as a
 * graph and replayed from then on, which costs the host one call and the device no gaps. A decode
 * step consists of such runs, because what changes from token to token (positions, page tables)
 * lies in the device's memory at fixed addresses and is no argument.
 *
 * <p>Nothing need be invalidated: a graph holds addresses only, and is used only where the very
 * same addresses were asked for again.
 *
 * <p>After the host has written or read something the next operation is not held back: on a model
 * that is spread over devices the host has work of its own as soon as it has asked for that
 * operation. So a shared expert runs here while the host computes the routed ones.
 */
final class LaunchQueue implements AutoCloseable {
    /** Launches in a run: enough to keep the device busy while the next run is collected. */
    static final int LONGEST = 64;

    /** Shorter runs are launched one by one. */
    private static final int SHORTEST_GRAPH = 3;

    private static final int REMEMBERED = 512;
    private static final int HEADER = 5;
    private static final Logger LOG = LoggerFactory.getLogger(LaunchQueue.class);

    private final DriverStream stream;
    private final KernelModule module;
    private final DeviceGuard guard;
    private final Arguments arguments = new Arguments();
    private final Geometry geometry = new Geometry();
    private final RunKey probe = new RunKey(new long[0], 0);
    private final LinkedHashMap<RunKey, Run> runs = new LinkedHashMap<>(16, 0.75f, true);

    private long[] log = new long[LONGEST * 24];
    private int length;
    private int launches;
    private int header;
    private boolean unfinished;
    private boolean graphs;
    private boolean prompt;
    private long replays;

    /** What is known about a run of launches that was seen. */
    private static final class Run {
        private @Nullable DriverGraph graph;
    }

    /** A run of launches as it is compared with others. */
    private static final class RunKey {
        private long[] log;
        private int length;
        private int hash;

        RunKey(long[] log, int length) {
            this.log = log;
            this.length = length;
        }

        void set(long[] log, int length) {
            this.log = log;
            this.length = length;
            long mixed = length;
            for (int i = 0; i < length; i++) {
                mixed = (mixed ^ log[i]) * 0x9E3779B97F4A7C15L;
                mixed ^= mixed >>> 29;
            }
            hash = (int) (mixed ^ (mixed >>> 32));
        }

        RunKey copy() {
            RunKey copy = new RunKey(Arrays.copyOf(log, length), length);
            copy.hash = hash;
            return copy;
        }

        @Override
        public int hashCode() {
            return hash;
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof RunKey key
                    && key.hash == hash
                    && Arrays.equals(log, 0, length, key.log, 0, key.length);
        }
    }

    /**
     * @param graphs whether repeated runs become graphs
     */
    LaunchQueue(DriverStream stream, KernelModule module, DeviceGuard guard, boolean graphs) {
        this.stream = stream;
        this.module = module;
        this.guard = guard;
        this.graphs = graphs;
    }

    /** Begins a launch; arguments follow in the kernel's order, then {@link #launch}. */
    LaunchQueue kernel(Kernel kernel) {
        guard.requireAlive();
        kernel.function(); // that the module lacks it shows here and not in the middle of a run
        if (length + HEADER + Arguments.MOST > log.length) {
            log = Arrays.copyOf(log, 2 * log.length);
        }
        dropUnfinished();
        header = length;
        unfinished = true;
        log[header] = (long) kernel.number() << 8;
        log[header + 4] = 0;
        length += HEADER;
        return this;
    }

    /** A launch whose arguments were refused halfway is none. */
    private void dropUnfinished() {
        if (unfinished) {
            length = header;
            unfinished = false;
        }
    }

    /** An address, 0 for none. */
    LaunchQueue pointer(long address) {
        return add(Kind.POINTER, address);
    }

    /** An int. */
    LaunchQueue number(int value) {
        return add(Kind.INT, value & 0xFFFFFFFFL);
    }

    /** An int that says yes or no. */
    LaunchQueue flag(boolean value) {
        return number(value ? 1 : 0);
    }

    /** A long long. */
    LaunchQueue wide(long value) {
        return add(Kind.LONG, value);
    }

    /** A float. */
    LaunchQueue real(float value) {
        return add(Kind.FLOAT, Float.floatToRawIntBits(value) & 0xFFFFFFFFL);
    }

    private LaunchQueue add(Kind kind, long word) {
        int count = (int) (log[header] & 0xFF);
        log[header]++;
        log[header + 4] |= code(kind) << (2 * count);
        log[length++] = word;
        return this;
    }

    private static long code(Kind kind) {
        return switch (kind) {
            case POINTER -> 0;
            case LONG -> 1;
            case INT -> 2;
            case FLOAT -> 3;
        };
    }

    private static Kind kind(long code) {
        return code < 2
                ? (code == 0 ? Kind.POINTER : Kind.LONG)
                : (code == 2 ? Kind.INT : Kind.FLOAT);
    }

    /** Ends a launch; dimensions y and z are cut to what a device can launch: kernels loop. */
    void launch(long gridX, long gridY, long gridZ, int block, int sharedBytes) {
        long y = Math.min(gridY, 65535);
        long z = Math.min(gridZ, 65535);
        geometry.set(gridX, y, z, block, sharedBytes);
        unfinished = false;
        log[header + 1] = gridX;
        log[header + 2] = (y << 32) | z;
        log[header + 3] = ((long) block << 32) | sharedBytes;
        if (++launches == LONGEST) {
            flush();
        }
    }

    void launch(long gridX, int block) {
        launch(gridX, 1, 1, block, 0);
    }

    void launch(long gridX, long gridY, int block) {
        launch(gridX, gridY, 1, block, 0);
    }

    /** An operation is over. */
    void operationEnds() {
        if (prompt) {
            prompt = false;
            flush();
        }
    }

    /** The host has written or read, and goes on with work of its own. */
    void hostGoesOn() {
        prompt = true;
    }

    /** Gives all that was collected to the device. */
    void flush() {
        guard.requireAlive();
        dropUnfinished();
        if (launches == 0) {
            return;
        }
        try {
            if (graphs && launches >= SHORTEST_GRAPH) {
                replayOrRun();
            } else {
                run();
            }
        } catch (DriverException e) {
            throw guard.failed(e);
        } finally {
            length = 0;
            launches = 0;
        }
    }

    /** Runs that were replayed as graphs. */
    long replays() {
        return replays;
    }

    private void replayOrRun() {
        probe.set(log, length);
        Run known = runs.get(probe);
        if (known == null) {
            run();
            runs.put(probe.copy(), new Run());
            forgetOldest();
            return;
        }
        DriverGraph graph = known.graph;
        if (graph == null) {
            graph = capture();
            if (graph == null) {
                run();
                return;
            }
            known.graph = graph;
        }
        replays++;
        stream.launch(graph);
    }

    private @Nullable DriverGraph capture() {
        try {
            stream.beginCapture();
            run();
            return stream.endCapture();
        } catch (DriverException e) {
            // Nothing of the run was done. If the device is in order, it works without graphs.
            graphs = false;
            leaveCapture();
            LOG.warn("{}: no graphs, launches go one by one: {}", guard.device(), e.getMessage());
            return null;
        }
    }

    /** A stream whose capture went wrong takes no work before the capture is ended. */
    private void leaveCapture() {
        try {
            stream.endCapture().close();
        } catch (DriverException e) {
            LOG.debug("there is no capture to leave", e);
        }
    }

    private void forgetOldest() {
        if (runs.size() <= REMEMBERED) {
            return;
        }
        Map.Entry<RunKey, Run> oldest = runs.pollFirstEntry();
        DriverGraph graph = oldest == null ? null : oldest.getValue().graph;
        if (graph != null) {
            stream.synchronize(); // it may be running
            graph.close();
        }
    }

    private void run() {
        for (int at = 0; at < length; ) {
            int count = (int) (log[at] & 0xFF);
            long kinds = log[at + 4];
            arguments.clear();
            for (int i = 0; i < count; i++) {
                Kind kind = kind((kinds >>> (2 * i)) & 3);
                arguments.add(kind, log[at + HEADER + i]);
            }
            geometry.set(
                    log[at + 1],
                    log[at + 2] >>> 32,
                    log[at + 2] & 0xFFFFFFFFL,
                    (int) (log[at + 3] >>> 32),
                    (int) log[at + 3]);
            stream.launch(module.kernel((int) (log[at] >>> 8)).function(), geometry, arguments);
            at += HEADER + count;
        }
    }

    @Override
    public void close() {
        for (Run run : runs.values()) {
            if (run.graph != null) {
                run.graph.close();
            }
        }
        runs.clear();
        arguments.close();
    }
}
