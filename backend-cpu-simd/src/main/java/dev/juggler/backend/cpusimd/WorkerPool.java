package dev.juggler.backend.cpusimd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Threads that live as long as the backend and share the pieces of one task after another. The
 * caller works too, as worker 0.
 *
 * <p>A model runs hundreds of tasks for a token, so a hand-over must cost less than a microsecond:
 * idle workers watch a variable for a while before they sleep. The while is short, because watching
 * threads that outlive their work take the core from whoever has some: with a busy neighbour, pure
 * spinning was measured to lose 99 % of the bandwidth. Pieces are taken one by one, so a worker
 * that the system has set aside delays the task by one piece only.
 */
final class WorkerPool implements AutoCloseable {
    /** How long idle workers watch before they sleep. Waking one costs about 3 µs. */
    private static final long WATCH_NANOS = 60_000;

    /** More than any task has: nothing to take. */
    private static final int NO_PIECE = Integer.MAX_VALUE;

    private static final int LOOKS_BETWEEN_CLOCKS = 64;
    private static final long CLOSE_MILLIS = 5_000;

    private final List<Worker> workers = new ArrayList<>();

    /**
     * For each part of a task's pieces the number of the task (upper half) and the part's next
     * untaken piece (lower half). They are one variable, so that a late worker cannot take a piece
     * of a task that it has not looked at.
     */
    private final AtomicLong[] tickets;

    private final WorkerSeats seats;

    private final AtomicInteger unfinished = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final AtomicBoolean running = new AtomicBoolean();
    private final AtomicInteger seatErrors = new AtomicInteger();
    private final CountDownLatch seated;

    // Written while the ticket is closed; a look at them that is stale or early takes no piece.
    private @Nullable WorkerTask task;
    private int pieces;

    private int epoch;
    private volatile @Nullable Thread sleepingCaller;
    private volatile boolean closed;

    /**
     * @param size how many work at once, the caller included
     */
    WorkerPool(int size) {
        this(size, WorkerSeats.anywhere());
    }

    /**
     * @param seats where they sit: each begins with its group's part of the pieces, and then helps
     *     the others
     */
    WorkerPool(int size, WorkerSeats seats) {
        this.seats = seats;
        seated = new CountDownLatch(size - 1);
        tickets = new AtomicLong[seats.groups()];
        Arrays.setAll(tickets, group -> new AtomicLong());
        for (int i = 1; i < size; i++) {
            Worker worker = new Worker(i);
            workers.add(worker);
            worker.start();
        }
    }

    /**
     * Waits until all have taken their seats.
     *
     * @return 0, or the system's error number of one that could not
     */
    int awaitSeats() throws InterruptedException {
        seated.await();
        return seatErrors.get();
    }

    /** How many work at once, the caller included. */
    int size() {
        return workers.size() + 1;
    }

    /**
     * Runs all pieces of {@code task}; returns when the last one is done. Allocates nothing.
     *
     * @throws IllegalStateException if the pool is closed or a task is already running
     * @throws RuntimeException whatever a piece has thrown first; the pieces after it are left out
     */
    void run(WorkerTask task, int pieces) {
        if (closed) {
            throw new IllegalStateException("the worker pool is closed");
        }
        if (!running.compareAndSet(false, true)) {
            throw new IllegalStateException("kernels are called by two threads at once");
        }
        try {
            if (workers.isEmpty() || pieces < 2) {
                for (int i = 0; i < pieces; i++) {
                    task.run(i, 0);
                }
            } else {
                share(task, pieces);
            }
        } finally {
            running.set(false);
        }
    }

    private void share(WorkerTask task, int pieces) {
        // A late worker may hold a ticket of the last task, which it takes for an open one as soon
        // as
        // it sees a task with more pieces. Closing the ticket first makes it fail.
        for (AtomicLong ticket : tickets) {
            ticket.set(((long) epoch << 32) | NO_PIECE);
        }
        this.task = task;
        this.pieces = pieces;
        failure.set(null);
        unfinished.set(pieces);
        int now = ++epoch;
        for (int group = tickets.length - 1; group >= 0; group--) { // workers look at the first
            tickets[group].set(((long) now << 32) | end(group - 1, pieces));
        }
        int wanted = pieces - 1;
        for (int i = 0; i < workers.size() && wanted > 0; i++, wanted--) {
            workers.get(i).wake();
        }
        takePieces(now, 0);
        awaitLastPiece();
        @Nullable Throwable thrown = failure.get();
        if (thrown instanceof Error error) {
            throw error;
        }
        if (thrown instanceof RuntimeException exception) {
            throw exception;
        }
        if (thrown != null) {
            throw new IllegalStateException(thrown);
        }
    }

    /** Where the part of a group ends, and that of the next begins. */
    private int end(int group, int pieces) {
        return (int) ((long) pieces * (group + 1) / tickets.length);
    }

    private void takePieces(int epoch, int worker) {
        int own = seats.group(worker);
        for (int i = 0; i < tickets.length; i++) {
            takePieces(epoch, worker, (own + i) % tickets.length);
        }
    }

    private void takePieces(int epoch, int worker, int group) {
        AtomicLong ticket = tickets[group];
        while (true) {
            long seen = ticket.get();
            int piece = (int) seen;
            WorkerTask current = task;
            if ((int) (seen >>> 32) != epoch || current == null || piece >= end(group, pieces)) {
                return;
            }
            if (ticket.compareAndSet(seen, seen + 1)) {
                // The ticket is as it was read, and open, so the task read between is the ticket's.
                runPiece(current, piece, worker);
            }
        }
    }

    @SuppressWarnings("CatchingUnchecked") // whatever it is, the caller must get it
    private void runPiece(WorkerTask current, int piece, int worker) {
        try {
            if (failure.get() == null) {
                current.run(piece, worker);
            }
        } catch (Throwable thrown) {
            failure.compareAndSet(null, thrown);
        } finally {
            if (unfinished.decrementAndGet() == 0) {
                LockSupport.unpark(sleepingCaller);
            }
        }
    }

    private void awaitLastPiece() {
        long start = System.nanoTime();
        for (int looks = 1; unfinished.get() > 0; looks++) {
            Thread.onSpinWait();
            if (looks % LOOKS_BETWEEN_CLOCKS == 0 && System.nanoTime() - start > WATCH_NANOS) {
                sleepUntilLastPiece();
            }
        }
    }

    private void sleepUntilLastPiece() {
        boolean interrupted = false;
        sleepingCaller = Thread.currentThread();
        while (unfinished.get() > 0) {
            LockSupport.park(this);
            // An interrupted thread does not sleep; remember it and go on waiting.
            interrupted |= Thread.interrupted();
        }
        sleepingCaller = null;
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Stops the threads and waits for them; harmless if done twice. */
    @Override
    public void close() {
        closed = true;
        workers.forEach(Worker::wake);
        boolean interrupted = false;
        for (Worker worker : workers) {
            try {
                worker.join(CLOSE_MILLIS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private final class Worker extends Thread {
        private final int number;
        private volatile boolean asleep;

        Worker(int number) {
            super("juggler-cpu-worker-" + number);
            this.number = number;
            setDaemon(true);
        }

        void wake() {
            if (asleep) {
                LockSupport.unpark(this);
            }
        }

        @Override
        public void run() {
            int error = seats.sit(number);
            if (error != 0) {
                seatErrors.compareAndSet(0, error);
            }
            seated.countDown();
            int done = 0;
            while (true) {
                awaitTaskAfter(done);
                if (closed) {
                    return;
                }
                done = latest();
                takePieces(done, number);
            }
        }

        private int latest() {
            return (int) (tickets[0].get() >>> 32);
        }

        private void awaitTaskAfter(int done) {
            long start = System.nanoTime();
            for (int looks = 1; latest() == done && !closed; looks++) {
                Thread.onSpinWait();
                if (looks % LOOKS_BETWEEN_CLOCKS == 0 && System.nanoTime() - start > WATCH_NANOS) {
                    // The flag is set before the last look, and read after the task is published:
                    // one of the two sides always sees the other.
                    asleep = true;
                    while (latest() == done && !closed) {
                        LockSupport.park(this);
                    }
                    asleep = false;
                }
            }
        }
    }
}
