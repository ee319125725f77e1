package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class WorkerPoolTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void everyPieceRunsOnceWithAWorkerOfItsOwn(int size) {
        try (WorkerPool pool = new WorkerPool(size)) {
            assertEquals(size, pool.size());
            AtomicIntegerArray busy = new AtomicIntegerArray(size);
            for (int round = 0; round < 3000; round++) {
                int pieces = round % 17;
                AtomicIntegerArray runs = new AtomicIntegerArray(17);
                pool.run(
                        (index, worker) -> {
                            assertEquals(1, busy.incrementAndGet(worker), "one piece a worker");
                            runs.incrementAndGet(index);
                            busy.decrementAndGet(worker);
                        },
                        pieces);
                for (int i = 0; i < 17; i++) {
                    assertEquals(i < pieces ? 1 : 0, runs.get(i));
                }
            }
        }
    }

    /**
     * Short tasks whose number of pieces grows and shrinks, so that workers come too late often.
     */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void noPieceRunsBeforeOrAfterItsTask(int size) {
        final class Growing implements WorkerTask {
            private int pieces; // plain, as the fields of every operation are
            private volatile boolean open;
            private final AtomicIntegerArray runs = new AtomicIntegerArray(64);
            private final AtomicInteger strays = new AtomicInteger();

            @Override
            public void run(int index, int worker) {
                if (!open || index >= pieces) {
                    strays.incrementAndGet();
                }
                runs.incrementAndGet(index);
            }

            void runOn(WorkerPool pool, int pieces) {
                this.pieces = pieces;
                open = true;
                pool.run(this, pieces);
                open = false;
                for (int i = 0; i < 64; i++) {
                    assertEquals(i < pieces ? 1 : 0, runs.getAndSet(i, 0));
                }
                assertEquals(0, strays.get());
            }
        }
        try (WorkerPool pool = new WorkerPool(size)) {
            Growing task = new Growing();
            for (int round = 0; round < 60_000; round++) {
                task.runOn(pool, 2 + round * 7 % 61);
            }
        }
    }

    @Test
    void sleepingWorkersWakeUp() throws InterruptedException {
        try (WorkerPool pool = new WorkerPool(3)) {
            AtomicInteger runs = new AtomicInteger();
            for (int round = 0; round < 50; round++) {
                Thread.sleep(2);
                pool.run((index, worker) -> runs.incrementAndGet(), 6);
            }
            assertEquals(300, runs.get());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void whatAPieceThrowsReachesTheCaller(int size) {
        try (WorkerPool pool = new WorkerPool(size)) {
            for (Throwable thrown :
                    List.of(new IllegalArgumentException("a"), new AssertionError("b"))) {
                Throwable caught =
                        assertThrows(
                                thrown.getClass(),
                                () -> pool.run((index, worker) -> sneak(index, thrown), 20));
                assertSame(thrown, caught);
                AtomicInteger runs = new AtomicInteger();
                pool.run((index, worker) -> runs.incrementAndGet(), 20);
                assertEquals(20, runs.get(), "the pool works on");
            }
        }
    }

    private static void sneak(int index, Throwable thrown) {
        if (index == 7) {
            if (thrown instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) thrown;
        }
    }

    @Test
    void closingEndsTheThreads() throws InterruptedException {
        List<Thread> before = workers();
        WorkerPool pool = new WorkerPool(4);
        pool.run((index, worker) -> {}, 10);
        List<Thread> during = new ArrayList<>(workers());
        during.removeAll(before);
        assertEquals(3, during.size());
        assertTrue(during.stream().allMatch(Thread::isDaemon));
        Thread.sleep(20);
        pool.close();
        pool.close();
        assertTrue(during.stream().noneMatch(Thread::isAlive));
        assertThrows(IllegalStateException.class, () -> pool.run((index, worker) -> {}, 1));
    }

    private static List<Thread> workers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("juggler-cpu-worker"))
                .toList();
    }

    @Test
    void twoCallersAtOnceAreRefused() {
        try (WorkerPool pool = new WorkerPool(2)) {
            AtomicReference<RuntimeException> refusal =
                    new AtomicReference<>(new RuntimeException());
            pool.run(
                    (index, worker) -> {
                        if (index == 0) {
                            try {
                                pool.run((i, w) -> {}, 2);
                            } catch (IllegalStateException e) {
                                refusal.set(e);
                            }
                        }
                    },
                    4);
            assertTrue(refusal.get() instanceof IllegalStateException);
        }
    }

    @Test
    void anInterruptedCallerFinishesAndStaysInterrupted() {
        try (WorkerPool pool = new WorkerPool(2)) {
            AtomicInteger runs = new AtomicInteger();
            Thread.currentThread().interrupt();
            pool.run(
                    (index, worker) -> {
                        if (worker != 0) {
                            pause();
                        }
                        runs.incrementAndGet();
                    },
                    8);
            assertEquals(8, runs.get());
            assertTrue(Thread.interrupted(), "the interrupt is still to be seen");
            assertFalse(Thread.currentThread().isInterrupted());
        }
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Busy neighbours on every core and more workers than cores: still thousands of tasks a second.
     */
    @Test
    void busyNeighboursDoNotStopIt() throws InterruptedException {
        int cores = Runtime.getRuntime().availableProcessors();
        AtomicInteger stop = new AtomicInteger();
        List<Thread> neighbours = new ArrayList<>();
        for (int i = 0; i < cores; i++) {
            Thread neighbour =
                    new Thread(() -> {
                        while (stop.get() == 0) {
                            Thread.onSpinWait();
                        }
                    });
            neighbour.setDaemon(true);
            neighbour.start();
            neighbours.add(neighbour);
        }
        AtomicInteger runs = new AtomicInteger();
        try (WorkerPool pool = new WorkerPool(cores + 2)) {
            for (int i = 0; i < 2000; i++) {
                pool.run((index, worker) -> runs.incrementAndGet(), 8);
            }
        } finally {
            stop.set(1);
            for (Thread neighbour : neighbours) {
                neighbour.join();
            }
        }
        assertEquals(16_000, runs.get());
    }
}
