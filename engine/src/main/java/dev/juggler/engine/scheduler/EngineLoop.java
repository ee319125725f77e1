package dev.juggler.engine.scheduler;

import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.profile.StepEvent;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.List;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** The engine thread of one loaded model: step after step until the scheduler is closed. */
public final class EngineLoop implements Runnable {
    private final Scheduler scheduler;
    private final Model model;
    private final KvCache cache;
    private final Workspace workspace;
    private final Kernels kernels;
    private final StepSampler sampler;
    private final List<Lock> devices;

    /**
     * @param workspace large enough for a step of as many rows as the scheduler's limits say
     * @param devices held during each step, so that models on the same devices take turns; in an
     *     order that is the same for all models
     */
    public EngineLoop(
            Scheduler scheduler,
            Model model,
            KvCache cache,
            Workspace workspace,
            Kernels kernels,
            List<? extends Lock> devices) {
        this.scheduler = scheduler;
        this.model = model;
        this.cache = cache;
        this.workspace = workspace;
        this.kernels = kernels;
        this.devices = List.copyOf(devices);
        sampler = new StepSampler(model.vocabularySize(), scheduler.limits().parallel());
    }

    @Override
    public void run() {
        try {
            for (Step step = scheduler.next(); step != null; step = scheduler.next()) {
                run(step);
            }
        } catch (InterruptedException e) {
            scheduler.abort(e);
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) { // a defect of the scheduler itself
            scheduler.abort(e);
            throw e;
        }
    }

    private void run(Step step) {
        @Nullable Throwable failure = null;
        devices.forEach(Lock::lock);
        long mark = workspace.mark();
        StepEvent event = new StepEvent();
        event.begin();
        try {
            long start = System.nanoTime();
            Tensor logits = model.forward(step.batch(workspace), cache, workspace, kernels);
            long computed = System.nanoTime();
            Choices choices = sampler.sample(step, logits);
            if (event.shouldCommit()) {
                event.model = scheduler.model();
                event.sequences = step.size();
                event.rows = step.rows();
                event.forward = computed - start;
                event.sampling = System.nanoTime() - computed;
                event.commit();
            }
            scheduler.commit(step, choices);
        } catch (RuntimeException | Error e) { // a device has failed; other requests go on
            failure = e;
        } finally {
            workspace.release(mark);
            devices.reversed().forEach(Lock::unlock);
        }
        if (failure != null) {
            scheduler.fail(step, failure);
        }
    }
}
