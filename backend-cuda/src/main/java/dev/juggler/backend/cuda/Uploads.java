package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings bytes to the device beside its computing: through a stream of their own, and through
 * pinned memory that threads of their own fill, since reading a mapped file may mean waiting for
 * the disk. Each thread has two pieces of pinned memory, so that it fills one while the device
 * fetches the other.
 *
 * <p>The stream waits for what had been enqueued for computing when an upload began; computing
 * waits for an upload when somebody {@linkplain Transfer#join joins} it. Both waits are the
 * device's own.
 */
final class Uploads implements AutoCloseable {
    /** Some wait for the disk, and one alone copies more slowly than the link. */
    private static final int FEWEST_THREADS = 2;

    private static final int MOST_THREADS = 8;
    private static final long CLOSING_SECONDS = 30;
    private static final Logger LOG = LoggerFactory.getLogger(Uploads.class);

    private final Card card;
    private final DriverDevice device;
    private final DeviceGuard guard;
    private final long pieceBytes;
    private final DriverStream stream;
    private final DriverEvent behind;
    private final BlockingQueue<Piece> free;
    private final List<Piece> pieces = new ArrayList<>();
    private final ExecutorService threads;

    /** Uploads that computing does not wait for yet, and events that none of them uses. */
    private final List<Upload> underWay = new ArrayList<>();

    private final Deque<DriverEvent> events = new ArrayDeque<>();
    private final AtomicLong bytes = new AtomicLong();

    /** Pinned memory, and when the device has fetched it. */
    private record Piece(MemorySegment memory, DriverEvent fetched) {}

    /**
     * @param pieceBytes size of a piece of pinned memory
     */
    Uploads(Card card, long pieceBytes) {
        this.card = card;
        this.pieceBytes = pieceBytes;
        device = card.device;
        guard = card.guard;
        int count =
                Math.clamp(
                        Runtime.getRuntime().availableProcessors() / 2,
                        FEWEST_THREADS,
                        MOST_THREADS);
        stream = device.createStream();
        behind = device.createEvent();
        free = new ArrayBlockingQueue<>(2 * count);
        for (int i = 0; i < 2 * count; i++) {
            Piece piece = new Piece(device.allocatePinned(pieceBytes), device.createEvent());
            pieces.add(piece);
            free.add(piece);
        }
        threads =
                Executors.newFixedThreadPool(
                        count,
                        Thread.ofPlatform()
                                .daemon()
                                .name("upload-" + guard.device() + "-", 0)
                                .factory());
    }

    /**
     * Begins one. The caller holds the card's lock.
     *
     * @param address where the bytes go
     * @param source stays as it is until they are there
     */
    Transfer begin(long address, MemorySegment source) {
        guard.requireAlive();
        if (source.byteSize() == 0) {
            return Transfer.DONE;
        }
        try {
            card.queue.flush();
            card.stream.record(behind);
            stream.await(behind);
            Upload upload = new Upload(address, source, event());
            synchronized (underWay) {
                underWay.add(upload);
            }
            for (long from = 0; from < source.byteSize(); from += pieceBytes) {
                long first = from;
                threads.execute(() -> upload.bring(first));
            }
            bytes.addAndGet(source.byteSize());
            return upload;
        } catch (DriverException e) {
            throw guard.failed(e);
        }
    }

    /** Bytes of all uploads that were begun. */
    long bytes() {
        return bytes.get();
    }

    /** Returns when no upload is on its way to these bytes of the device. */
    void settle(long address, long count) {
        for (Upload upload : underWay()) {
            if (upload.address < address + count && address < upload.address + upload.size()) {
                upload.settle();
            }
        }
    }

    /** Returns when all uploads have arrived. */
    void settle() {
        underWay().forEach(Upload::settle);
    }

    private List<Upload> underWay() {
        synchronized (underWay) {
            return List.copyOf(underWay);
        }
    }

    private DriverEvent event() {
        synchronized (underWay) {
            DriverEvent event = events.poll();
            return event == null ? device.createEvent() : event;
        }
    }

    private final class Upload implements Transfer {
        private final long address;
        private final MemorySegment source;
        private final DriverEvent arrived;
        private final AtomicInteger piecesLeft;
        private final CountDownLatch enqueued = new CountDownLatch(1);
        private volatile @Nullable Throwable problem;
        private volatile boolean over;

        Upload(long address, MemorySegment source, DriverEvent arrived) {
            this.address = address;
            this.source = source;
            this.arrived = arrived;
            piecesLeft = new AtomicInteger(Math.toIntExact(Products.ceil(size(), pieceBytes)));
        }

        private long size() {
            return source.byteSize();
        }

        /** Copies a piece to pinned memory and enqueues its way from there. */
        private void bring(long from) {
            try {
                if (problem == null) {
                    send(from, Math.min(pieceBytes, size() - from));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                problem = e;
            } catch (RuntimeException | Error e) { // whoever joins is told
                problem = e;
            } finally {
                if (piecesLeft.decrementAndGet() == 0) {
                    end();
                }
            }
        }

        private void send(long from, long count) throws InterruptedException {
            Piece piece = free.take();
            try {
                piece.fetched.synchronize();
                MemorySegment pinned = piece.memory.asSlice(0, count);
                MemorySegment.copy(source, from, pinned, 0, count);
                stream.copyIn(address + from, pinned);
                stream.record(piece.fetched);
            } finally {
                free.add(piece);
            }
        }

        private void end() {
            try {
                if (problem == null) {
                    stream.record(arrived);
                }
            } catch (RuntimeException e) {
                problem = e;
            } finally {
                enqueued.countDown();
            }
        }

        /** Whoever wants the bytes is told why they do not come. */
        private void requireInOrder() {
            Throwable known = problem;
            if (known instanceof DriverException failure) {
                throw guard.failed(failure);
            }
            if (known != null) {
                throw new BackendException(
                        "%d bytes could not be copied to %s: %s"
                                .formatted(size(), guard.device(), known),
                        known);
            }
            guard.requireAlive();
        }

        private void forget() {
            synchronized (underWay) {
                if (!over) {
                    over = true;
                    underWay.remove(this);
                    events.add(arrived);
                }
            }
        }

        @Override
        public boolean isDone() {
            requireInOrder();
            if (over) {
                return true;
            }
            try {
                if (enqueued.getCount() > 0 || !arrived.isReached()) {
                    return false;
                }
            } catch (DriverException e) {
                throw guard.failed(e);
            }
            requireInOrder();
            forget();
            return true;
        }

        @Override
        public void join() {
            if (over) {
                requireInOrder();
                return;
            }
            flush(); // while this thread waits the device has something to do
            awaitEnqueued();
            requireInOrder();
            card.lock.lock();
            try {
                card.queue.flush();
                card.stream.await(arrived);
            } catch (DriverException e) {
                throw guard.failed(e);
            } finally {
                card.lock.unlock();
            }
            forget();
        }

        private void flush() {
            card.lock.lock();
            try {
                card.queue.flush();
            } finally {
                card.lock.unlock();
            }
        }

        private void awaitEnqueued() {
            try {
                enqueued.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new BackendException("interrupted while bytes were on their way", e);
            }
        }

        /**
         * Returns when nothing writes to the target any more; what went wrong is told elsewhere.
         */
        private void settle() {
            boolean interrupted = false;
            while (enqueued.getCount() > 0) {
                try {
                    enqueued.await();
                } catch (InterruptedException e) {
                    interrupted = true; // the memory must not be given away before
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            try {
                if (problem == null && !guard.hasFailed()) {
                    arrived.synchronize();
                }
            } catch (DriverException e) {
                throw guard.failed(e);
            }
            forget();
        }
    }

    /** What a device that has failed does not free is lost with it. */
    @Override
    public void close() {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(CLOSING_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("{}: an upload does not end, its memory is left", guard.device());
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        if (!guard.hasFailed()) {
            stream.synchronize();
        }
        for (Piece piece : pieces) {
            piece.fetched.close();
            device.freePinned(piece.memory);
        }
        events.forEach(DriverEvent::close);
        underWay().forEach(upload -> upload.arrived.close());
        behind.close();
        stream.close();
    }
}
