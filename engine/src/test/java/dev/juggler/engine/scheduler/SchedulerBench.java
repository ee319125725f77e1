package dev.juggler.engine.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePool;
import dev.juggler.engine.cache.PagePools;
import dev.juggler.engine.model.KvCache;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Tensor;
import java.util.HashSet;
import java.util.Set;

/** A scheduler, a fake model and its cache, driven by hand. */
final class SchedulerBench {
    final SchedulerLimits limits;
    final PagePools pools;
    final PagePool pool;
    final Scheduler scheduler;
    final RecallModel model;
    final KvCache cache;
    final BufferWorkspace workspace = new BufferWorkspace(HostBuffer.allocate(1 << 20));
    final StepSampler sampler;
    int steps;

    SchedulerBench(SchedulerLimits limits, int pages, int pageSize) {
        this(limits, pages, pageSize, 0);
    }

    /**
     * @param pages of the layer that sees everything
     * @param window what a second layer sees, 0 for no such layer
     */
    SchedulerBench(SchedulerLimits limits, int pages, int pageSize, int window) {
        this.limits = limits;
        model = new RecallModel(window);
        KvCachePlan plan = model.cachePlan(pages, pageSize, limits.stepRows(), limits.parallel());
        pools = new PagePools(plan);
        pool = pools.pool(0);
        cache = RecallModel.cache(plan);
        scheduler = new Scheduler("fake", limits, pools);
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
        for (int group = 0; group < pools.plan().groups().size(); group++) {
            Set<Integer> used = new HashSet<>();
            for (Sequence sequence : scheduler.runningSequences()) {
                Set<Integer> own = new HashSet<>();
                for (int page : sequence.pages().table(group)) {
                    own.add(page);
                }
                for (int page : own) {
                    assertTrue(used.add(page), "a page has two owners");
                }
            }
            PagePool those = pools.pool(group);
            assertEquals(those.pages() - used.size(), those.free(), "a page is lost");
        }
    }
}
