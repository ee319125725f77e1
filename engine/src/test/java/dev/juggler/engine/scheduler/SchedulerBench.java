package dev.juggler.engine.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePool;
import dev.juggler.engine.model.KvCache;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Tensor;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** A scheduler, a fake model and its cache, driven by hand. */
final class SchedulerBench {
    final SchedulerLimits limits;
    final PagePool pool;
    final Scheduler scheduler;
    final RecallModel model = new RecallModel();
    final KvCache cache;
    final BufferWorkspace workspace = new BufferWorkspace(HostBuffer.allocate(1 << 20));
    final StepSampler sampler;
    int steps;

    SchedulerBench(SchedulerLimits limits, int pages, int pageSize) {
        this.limits = limits;
        pool = new PagePool(pages);
        KvCachePlan plan = RecallModel.cachePlan(pages, pageSize);
        cache = RecallModel.cache(plan);
        scheduler = new Scheduler("fake", limits, pool, pageSize);
        sampler = new StepSampler(RecallModel.VOCABULARY, limits.parallel());
    }

    /** Computes one step if there is one, and checks what must hold of it. */
    boolean step() {
        Step step = scheduler.poll();
        if (step == null) {
            checkPages();
            return false;
        }
        checkStep(step);
        long mark = workspace.mark();
        try {
            Tensor logits =
                    model.forward(step.batch(workspace), cache, workspace, RecallModel.noKernels());
            scheduler.commit(step, sampler.sample(step, logits));
        } catch (IllegalStateException e) {
            scheduler.fail(step, e);
        }
        workspace.release(mark);
        steps++;
        checkPages();
        return true;
    }

    private void checkStep(Step step) {
        assertTrue(step.rows() <= limits.stepRows(), "more rows than a step may have");
        assertTrue(step.size() <= limits.parallel(), "more sequences than may run");
        Set<Sequence> inStep = new HashSet<>();
        int sum = 0;
        for (int i = 0; i < step.size(); i++) {
            assertTrue(inStep.add(step.sequence(i)), "a sequence is in a step twice");
            assertTrue(step.rows(i) >= 1);
            sum += step.rows(i);
        }
        assertEquals(step.rows(), sum);
        int outputs = step.batch(workspace).outputs();
        workspace.release(0);
        int expected = 0;
        for (int i = 0; i < step.size(); i++) {
            expected += step.hasOutput(i) ? 1 : 0;
        }
        assertEquals(expected, outputs);
        for (Sequence sequence : scheduler.runningSequences()) {
            boolean parked = sequence.park(System.nanoTime());
            assertEquals(!parked, inStep.contains(sequence), "everybody goes on in every step");
        }
    }

    private void checkPages() {
        Map<Integer, Integer> users = new HashMap<>();
        int used = 0;
        for (Sequence sequence : scheduler.runningSequences()) {
            for (int page : sequence.pages()) {
                users.merge(page, 1, Integer::sum);
                used++;
            }
        }
        assertEquals(used, users.size(), "a page has two owners");
        assertEquals(pool.pages() - used, pool.free(), "a page is lost");
    }
}
