package dev.juggler.engine.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePools;
import dev.juggler.engine.sampling.TokenSampler;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.HostBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The engine thread and real consumers on virtual threads. */
@Timeout(60)
class EngineLoopTest {
    private static final int PAGES = 60;

    private final RecallModel model = new RecallModel();
    private final KvCachePlan plan = RecallModel.cachePlan(PAGES, 16);
    private final PagePools pools = new PagePools(plan);
    private final Scheduler scheduler =
            new Scheduler(
                    "fake", new SchedulerLimits(200, 8, 48, 500, 8, Duration.ofMinutes(1)), pools);
    private final Thread thread =
            new Thread(
                    new EngineLoop(
                            scheduler,
                            model,
                            RecallModel.cache(plan),
                            new BufferWorkspace(HostBuffer.allocate(1 << 20)),
                            RecallModel.noKernels(),
                            List.of(new ReentrantLock()),
                            failure -> {}),
                    "engine");

    @BeforeEach
    void start() {
        thread.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        scheduler.close();
        thread.join();
        assertEquals(PAGES, pools.pool(0).free(), "all pages are free in the end");
    }

    private Sequence submit(int[] prompt, int max, Sampling sampling) {
        return scheduler.submit(
                prompt,
                new SequenceOptions(
                        max,
                        new TokenSampler(sampling, RecallModel.VOCABULARY),
                        token -> false,
                        null));
    }

    private static List<Integer> read(Sequence sequence, int pauseMillis) throws Exception {
        List<Integer> ids = new ArrayList<>();
        for (SampledToken token = sequence.take(); token != null; token = sequence.take()) {
            ids.add(token.id());
            if (pauseMillis > 0) {
                Thread.sleep(pauseMillis);
            }
        }
        return ids;
    }

    @Test
    void manyClientsGetTheirOwnTexts() throws Exception {
        Random random = new Random(11);
        int texts = 0;
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Boolean>> answers = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                int[] prompt =
                        random.ints(1 + random.nextInt(120), 0, RecallModel.VOCABULARY).toArray();
                int max = 1 + random.nextInt(60);
                int pause = i % 50 == 0 ? 3 : 0;
                boolean vanishes = i % 7 == 0;
                Callable<Boolean> client =
                        () -> {
                            Sequence sequence = submit(prompt, max, Sampling.GREEDY);
                            if (vanishes) {
                                sequence.take();
                                sequence.cancel();
                                return false;
                            }
                            assertEquals(RecallModel.expected(prompt, max), read(sequence, pause));
                            return true;
                        };
                answers.add(clients.submit(client));
            }
            for (Future<Boolean> answer : answers) {
                texts += answer.get() ? 1 : 0;
            }
        }
        System.out.printf(
                "scheduler: %d texts of 300 concurrent clients, %d steps%n",
                texts, model.forwards.get());
        assertEquals(257, texts);
        assertTrue(scheduler.awaitIdle(Duration.ofSeconds(5)));
    }

    @Test
    void theSameSeedGivesTheSameTextInAnyCompany() throws Exception {
        Sampling sampling = new Sampling(5f, 0, 1f, 0f, 1f, 0f, 0f, 64, 77L, Map.of());
        int[] prompt = {1, 2, 3};
        List<Integer> alone = read(submit(prompt, 40, sampling), 0);
        List<Sequence> company = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            company.add(submit(new int[] {i, i}, 50, Sampling.GREEDY));
        }
        assertEquals(alone, read(submit(prompt, 40, sampling), 0));
        company.forEach(Sequence::cancel);
    }

    @Test
    void aConsumerThatDoesNotReadParksNobodyElse() throws Exception {
        Sequence unread = submit(new int[] {9}, 150, Sampling.GREEDY);
        assertEquals(
                RecallModel.expected(new int[] {4}, 100),
                read(submit(new int[] {4}, 100, Sampling.GREEDY), 0));
        assertNull(unread.ending());
        assertEquals(RecallModel.expected(new int[] {9}, 150), read(unread, 0));
    }

    @Test
    void anIdleEngineThreadSleeps() throws Exception {
        read(submit(new int[] {9}, 5, Sampling.GREEDY), 0);
        Thread.sleep(50);
        long forwards = model.forwards.get();
        Thread.State state = thread.getState();
        assertTrue(state == Thread.State.WAITING, "it is " + state);
        assertEquals(forwards, model.forwards.get());
    }

    @Test
    void afterAFailureTheLoopLives() throws Exception {
        model.failing = true;
        Sequence failed = submit(new int[] {9}, 5, Sampling.GREEDY);
        assertThrows(InferenceException.class, failed::take);
        model.failing = false;
        assertEquals(
                RecallModel.expected(new int[] {8}, 5),
                read(submit(new int[] {8}, 5, Sampling.GREEDY), 0));
    }

    @Test
    void cancellingWakesAConsumerThatWaits() throws Exception {
        Sequence parked = submit(new int[] {9}, 150, Sampling.GREEDY);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<List<Integer>> reading = clients.submit(() -> read(parked, 20));
            Thread.sleep(50);
            parked.cancel();
            assertTrue(reading.get().size() < 150);
        }
        assertEquals(Ending.CANCELLED, parked.ending());
    }

    @Test
    void closingEndsWhatRuns() throws Exception {
        Sequence running = submit(new int[] {9}, 150, Sampling.GREEDY);
        running.take();
        scheduler.stopAdmitting();
        InferenceException refused =
                assertThrows(
                        InferenceException.class, () -> submit(new int[] {1}, 1, Sampling.GREEDY));
        assertEquals(InferenceException.Kind.OVERLOADED, refused.kind());
        assertTrue(!scheduler.awaitIdle(Duration.ofMillis(20)));
        scheduler.close();
        thread.join();
        read(running, 0);
        assertEquals(Ending.CANCELLED, running.ending());
    }
}
