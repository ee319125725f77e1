package dev.juggler.engine.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.sampling.TokenSampler;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The scheduler on the test's own thread, step by step, with the invariants after each. */
class SchedulerTest {
    private static SchedulerLimits limits(int context, int parallel, int stepRows, int queue) {
        return new SchedulerLimits(context, parallel, stepRows, queue, 16, Duration.ofMinutes(1));
    }

    private static SequenceOptions options(@Nullable Integer maxTokens) {
        return new SequenceOptions(
                maxTokens,
                new TokenSampler(Sampling.GREEDY, RecallModel.VOCABULARY),
                token -> token == RecallModel.END,
                null);
    }

    private static int[] prompt(Random random, int length) {
        return random.ints(length, 0, RecallModel.VOCABULARY).toArray();
    }

    /** Takes what is there without waiting; only for a queue that is not empty or has ended. */
    private static List<Integer> drain(Sequence sequence) throws InterruptedException {
        List<Integer> ids = new ArrayList<>();
        for (SampledToken token = sequence.take(); token != null; token = sequence.take()) {
            ids.add(token.id());
        }
        return ids;
    }

    private record Client(Sequence sequence, List<Integer> expected, int pace, List<Integer> got) {}

    @Test
    void randomArrivalsCancelsSlowConsumersAndATinyPool() throws Exception {
        int finished = 0;
        int cancelled = 0;
        int refused = 0;
        int steps = 0;
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            int parallel = 1 + random.nextInt(6);
            int stepRows = parallel + random.nextInt(20);
            int pageSize = 1 + random.nextInt(8);
            int context = 40 + random.nextInt(40);
            int pages = context / pageSize + 1 + random.nextInt(parallel * 10);
            SchedulerBench bench =
                    new SchedulerBench(
                            new SchedulerLimits(
                                    context,
                                    parallel,
                                    stepRows,
                                    random.nextInt(8),
                                    1 + random.nextInt(6),
                                    Duration.ofMinutes(1)),
                            pages,
                            pageSize,
                            random.nextInt(2) * (1 + random.nextInt(20)));
            List<Client> clients = new ArrayList<>();
            int arrivals = 30;
            int idle = 0;
            while (arrivals > 0 || !clients.isEmpty()) {
                if (arrivals > 0 && random.nextInt(3) == 0) {
                    arrivals--;
                    int[] prompt = prompt(random, 1 + random.nextInt(context / 2));
                    int max = 1 + random.nextInt(context - prompt.length);
                    try {
                        Sequence sequence = bench.scheduler.submit(prompt, options(max));
                        clients.add(
                                new Client(
                                        sequence,
                                        RecallModel.expected(prompt, max),
                                        1 + random.nextInt(5),
                                        new ArrayList<>()));
                    } catch (InferenceException e) {
                        assertEquals(Kind.OVERLOADED, e.kind());
                        assertNotNull(e.retryAfter());
                        refused++;
                    }
                }
                idle = bench.step() ? 0 : idle + 1;
                assertTrue(idle < 200, "nothing moves any more");
                for (Client client : List.copyOf(clients)) {
                    boolean ended = client.sequence.ending() != null;
                    int available = available(client);
                    if (random.nextInt(800) == 0) {
                        client.sequence.cancel();
                        assertNotNull(client.sequence.ending());
                        clients.remove(client);
                        cancelled++;
                    } else if (available > 0 && random.nextInt(client.pace) == 0) {
                        client.got.add(take(client).id());
                    } else if (ended && available == 0) {
                        assertNull(client.sequence.take());
                        assertEquals(Ending.LENGTH, client.sequence.ending());
                        assertEquals(client.expected, client.got);
                        clients.remove(client);
                        finished++;
                    }
                }
            }
            bench.step();
            assertEquals(pages, bench.pool.free(), "all pages are free in the end");
            steps += bench.steps;
        }
        System.out.printf(
                "scheduler: %d steps, %d texts as expected, %d cancelled, %d refused%n",
                steps, finished, cancelled, refused);
        assertTrue(finished > 2000 && cancelled > 300 && refused > 1000);
    }

    private static int available(Client client) {
        return client.sequence.length() - client.sequence.promptLength() - client.got.size();
    }

    private static SampledToken take(Client client) throws InterruptedException {
        SampledToken token = client.sequence.take();
        if (token == null) {
            throw new AssertionError("the text ended after " + client.got);
        }
        return token;
    }

    @Test
    void theTextDoesNotDependOnTheCompany() throws Exception {
        Random random = new Random(5);
        List<int[]> prompts = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            prompts.add(prompt(random, 3 + random.nextInt(90)));
        }
        List<List<Integer>> alone = new ArrayList<>();
        for (int[] prompt : prompts) {
            SchedulerBench bench = new SchedulerBench(limits(200, 1, 512, 8), 100, 4);
            Sequence sequence = bench.scheduler.submit(prompt, options(15));
            while (bench.step()) {}
            alone.add(drain(sequence));
        }
        SchedulerBench bench = new SchedulerBench(limits(200, 8, 24, 8), 400, 4);
        List<Sequence> together = new ArrayList<>();
        for (int[] prompt : prompts) {
            together.add(bench.scheduler.submit(prompt, options(15)));
        }
        while (bench.step()) {}
        for (int i = 0; i < prompts.size(); i++) {
            assertEquals(alone.get(i), drain(together.get(i)));
            assertEquals(RecallModel.expected(prompts.get(i), 15), alone.get(i));
        }
    }

    @Test
    void aLongPromptDoesNotHoldUpThoseWhoGenerateNorAShortPrompt() throws Exception {
        SchedulerBench bench = new SchedulerBench(limits(2000, 3, 32, 8), 600, 16);
        Random random = new Random(1);
        Sequence generating = bench.scheduler.submit(prompt(random, 4), options(100));
        bench.step();
        bench.scheduler.submit(prompt(random, 1500), options(1));
        for (int i = 0; i < 3; i++) {
            int before = generating.length();
            bench.step();
            assertEquals(before + 1, generating.length());
        }
        Sequence late = bench.scheduler.submit(prompt(random, 15), options(1));
        bench.step();
        assertEquals(Ending.LENGTH, late.ending(), "a short prompt is done within one step");
    }

    @Test
    void aStepIsFilledWhereThereIsWork() {
        SchedulerBench bench = new SchedulerBench(limits(500, 4, 64, 8), 200, 16);
        Random random = new Random(1);
        for (int length : new int[] {200, 3, 5, 200}) {
            bench.scheduler.submit(prompt(random, length), options(5));
        }
        Step step = bench.scheduler.poll();
        assertNotNull(step);
        assertEquals(64, step.rows());
    }

    @Test
    void theContextIsArithmetic() {
        SchedulerBench bench = new SchedulerBench(limits(100, 1, 16, 8), 10, 16);
        InferenceException tooLong =
                assertThrows(
                        InferenceException.class,
                        () -> bench.scheduler.submit(new int[60], options(41)));
        assertEquals(Kind.CONTEXT_EXCEEDED, tooLong.kind());
        String message = String.valueOf(tooLong.getMessage());
        for (String number : List.of("60", "41", "101", "100", "at most 40")) {
            assertTrue(message.contains(number), message);
        }
        assertEquals(
                Kind.CONTEXT_EXCEEDED,
                assertThrows(
                                InferenceException.class,
                                () -> bench.scheduler.submit(new int[100], options(null)))
                        .kind());
        assertEquals(
                Kind.INVALID_REQUEST,
                assertThrows(
                                InferenceException.class,
                                () -> bench.scheduler.submit(new int[0], options(3)))
                        .kind());
        assertEquals(40, bench.scheduler.submit(new int[60], options(null)).maxTokens());
        assertEquals(40, bench.scheduler.submit(new int[60], options(40)).maxTokens());
    }

    @Test
    void theFullContextCanBeUsed() throws Exception {
        SchedulerBench bench = new SchedulerBench(limits(64, 1, 16, 8), 4, 16);
        int[] prompt = prompt(new Random(2), 10);
        Sequence sequence = bench.scheduler.submit(prompt, options(null));
        List<Integer> got = new ArrayList<>();
        while (bench.step()) {
            while (sequence.length() - 10 > got.size()) {
                SampledToken token = sequence.take();
                assertNotNull(token);
                got.add(token.id());
            }
        }
        assertEquals(RecallModel.expected(prompt, 54), got);
    }

    @Test
    void aFullQueueIsRefusedWithAnEstimate() {
        SchedulerBench bench = new SchedulerBench(limits(100, 1, 16, 2), 10, 16);
        for (int i = 0; i < 3; i++) { // one place to run, two to wait
            bench.scheduler.submit(new int[10], options(10));
        }
        InferenceException e =
                assertThrows(
                        InferenceException.class,
                        () -> bench.scheduler.submit(new int[10], options(10)));
        assertEquals(Kind.OVERLOADED, e.kind());
        Duration retry = e.retryAfter();
        assertNotNull(retry);
        assertTrue(retry.toSeconds() >= 1 && retry.toSeconds() <= 300);
    }

    @Test
    void aLargeRequestIsNotOvertakenForEver() {
        SchedulerBench bench = new SchedulerBench(limits(64, 4, 16, 20), 4, 16);
        bench.scheduler.submit(new int[10], options(20)); // 2 pages
        bench.step();
        Sequence large = bench.scheduler.submit(new int[40], options(20)); // 4 pages
        Sequence small = bench.scheduler.submit(new int[2], options(1));
        int guard = 0;
        while (large.computed() == 0) {
            assertEquals(0, small.computed(), "the small one came later");
            bench.scheduler.runningSequences().forEach(s -> takeAll(s));
            assertTrue(guard++ < 100);
            bench.step();
        }
    }

    private static void takeAll(Sequence sequence) {
        try {
            if (sequence.length() > sequence.promptLength()) {
                sequence.take();
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aFailedStepFailsItsSequencesAndTheNextRequestIsAnswered() throws Exception {
        SchedulerBench bench = new SchedulerBench(limits(100, 2, 16, 8), 20, 16);
        Sequence one = bench.scheduler.submit(new int[] {1, 2}, options(10));
        Sequence two = bench.scheduler.submit(new int[] {3, 4}, options(10));
        Sequence waits = bench.scheduler.submit(new int[] {5}, options(3));
        bench.step();
        bench.model.failing = true;
        bench.step();
        bench.model.failing = false;
        for (Sequence failed : List.of(one, two)) {
            assertNotNull(failed.take(), "what came before the failure can be read");
            InferenceException e = assertThrows(InferenceException.class, failed::take);
            assertEquals(Kind.UNAVAILABLE, e.kind());
            assertTrue(String.valueOf(e.getMessage()).contains("on fire"), e.getMessage());
        }
        while (bench.step()) {}
        assertEquals(RecallModel.expected(new int[] {5}, 3), drain(waits));
        assertEquals(20, bench.pool.free());
    }

    @Test
    void anAnswerThatNobodyReadsLosesItsPlaceWhenOthersWait() throws Exception {
        SchedulerBench bench =
                new SchedulerBench(
                        new SchedulerLimits(100, 1, 16, 8, 2, Duration.ofMillis(30)), 10, 16);
        Sequence unread = bench.scheduler.submit(new int[] {1}, options(50));
        while (bench.step()) {}
        Thread.sleep(50);
        assertTrue(!bench.step() && unread.ending() == null, "nobody waits: it may stay");
        Sequence next = bench.scheduler.submit(new int[] {7}, options(2));
        while (bench.step()) {}
        assertEquals(Ending.FAILED, unread.ending());
        assertEquals(RecallModel.expected(new int[] {7}, 2), drain(next));
    }

    @Test
    void cancellingAWaitingRequestFreesItsPlaceAtOnce() {
        SchedulerBench bench = new SchedulerBench(limits(100, 1, 16, 1), 10, 16);
        bench.scheduler.submit(new int[10], options(10));
        bench.step();
        Sequence waiting = bench.scheduler.submit(new int[10], options(10));
        assertThrows(
                InferenceException.class, () -> bench.scheduler.submit(new int[10], options(10)));
        waiting.cancel();
        assertEquals(0, bench.scheduler.queued());
        bench.scheduler.submit(new int[10], options(10));
    }

    @Test
    void logitsThatAreNoNumbersFailTheirSequenceAlone() throws Exception {
        SchedulerBench bench = new SchedulerBench(limits(100, 2, 16, 8), 20, 16);
        Sequence bad = bench.scheduler.submit(new int[] {1}, options(5));
        Sequence good = bench.scheduler.submit(new int[] {2}, options(1));
        Step step = bench.scheduler.poll();
        assertNotNull(step);
        Tensor logits = bench.workspace.take(2, RecallModel.VOCABULARY);
        logits.host().fill((byte) 0);
        logits.host().setAtIndex(ValueLayout.JAVA_FLOAT, 5, Float.NaN);
        bench.scheduler.commit(step, bench.sampler.sample(step, logits));
        assertEquals(Ending.FAILED, bad.ending());
        assertEquals(Ending.LENGTH, good.ending());
        assertThrows(InferenceException.class, bad::take);
    }
}
