package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DeviceProperties;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.kernel.DeviceSpeed;
import java.lang.foreign.MemorySegment;

/**
 * How fast a device is, found in a few milliseconds when it is opened: its memory by copying inside
 * it, its link by copying to it. What it computes is its maker's number, halved, since kernels like
 * ours reach about half of it.
 */
final class SpeedTest {
    private static final long MOST_BYTES = 256L << 20;
    private static final long LINK_BYTES = 16L << 20;
    private static final int REPETITIONS = 3;

    private final Card card;

    private SpeedTest(Card card) {
        this.card = card;
    }

    static DeviceSpeed run(Card card) {
        try {
            return new SpeedTest(card).measure();
        } catch (DriverException e) {
            throw card.guard.failed(e);
        }
    }

    private DeviceSpeed measure() {
        DeviceProperties properties = card.device.properties();
        long bytes = Math.min(MOST_BYTES, card.pool.info().free() / 64 / 4096 * 4096);
        double memory = bytes == 0 ? 0 : insideSpeed(bytes);
        double link = bytes == 0 ? 0 : linkSpeed(Math.min(bytes, LINK_BYTES));
        return new DeviceSpeed(memory, operations(properties), link);
    }

    /** Bytes read and written a second. */
    private double insideSpeed(long bytes) {
        long address = card.pool.allocate(bytes);
        long half = bytes / 2;
        double seconds = shortest(() -> card.stream.copy(address + half, address, half));
        card.pool.free(address, bytes);
        return 2 * half / seconds;
    }

    private double linkSpeed(long bytes) {
        long address = card.pool.allocate(bytes);
        MemorySegment pinned = card.device.allocatePinned(bytes);
        double seconds = shortest(() -> card.stream.copyIn(address, pinned));
        card.device.freePinned(pinned);
        card.pool.free(address, bytes);
        return bytes / seconds;
    }

    private double shortest(Runnable work) {
        double shortest = Double.MAX_VALUE;
        try (DriverEvent start = card.device.createEvent();
                DriverEvent end = card.device.createEvent()) {
            for (int i = 0; i < REPETITIONS; i++) {
                card.stream.record(start);
                work.run();
                card.stream.record(end);
                card.stream.synchronize();
                shortest = Math.min(shortest, Math.max(end.secondsSince(start), 1e-9));
            }
        }
        return shortest;
    }

    /** Multiplications and additions of F16 on tensor cores, a clock and multiprocessor. */
    private static double operations(DeviceProperties properties) {
        int each =
                switch (properties.architecture()) {
                    case 80, 100, 101, 103 -> 2048;
                    case 90 -> 4096;
                    default -> 1024;
                };
        return 0.5 * each * properties.clock() * properties.multiprocessors();
    }
}
