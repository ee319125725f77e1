package dev.juggler.engine.scheduler;

import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.Model;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/** The engine thread of one loaded model: step after step until the scheduler is closed. */
public final class EngineLoop implements Runnable {
    private final Scheduler scheduler;
    private final Model model;
    private final KvCache cache;
    private final Workspace workspace;
    private final Kernels kernels;
    private final StepSampler sampler;

    /**
     * @param workspace large enough for a step of as many rows as the scheduler's limits say
     */
    public EngineLoop(
            Scheduler scheduler, Model model, KvCache cache, Workspace workspace, Kernels kernels) {
        this.scheduler = scheduler;
        this.model = model;
        this.cache = cache;
        this.workspace = workspace;
        this.kernels = kernels;
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
        long mark = workspace.mark();
        @Nullable Throwable failure = null;
        try {
            Tensor logits = model.forward(step.batch(workspace), cache, workspace, kernels);
            scheduler.commit(step, sampler.sample(step, logits));
        } catch (RuntimeException | Error e) { // a device has failed; other requests go on
            failure = e;
        }
        workspace.release(mark);
        if (failure != null) {
            scheduler.fail(step, failure);
        }
    }
}
