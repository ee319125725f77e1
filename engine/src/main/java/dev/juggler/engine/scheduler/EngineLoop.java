package dev.juggler.engine.scheduler;

import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.profile.StepEvent;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * The engine thread of one loaded model: step after step until the scheduler is closed, or a device
 * fails.
 */
public final class EngineLoop implements Runnable {
    private final Scheduler scheduler;
    private final Model model;
    private final KvCache cache;
    private final Workspace workspace;
    private final Kernels kernels;
    private final StepSampler sampler;
    private final List<Lock> devices;
    private final Consumer<DeviceFailedException> deviceFailures;

    /**
     * @param workspace large enough for a step of as many rows as the scheduler's limits say
     * @param devices held during each step, so that models on the same devices take turns; in an
     *     order that is the same for all models
     * @param deviceFailures told of a device that has failed, before those who wait for answers are
     */
    public EngineLoop(
            Scheduler scheduler,
            Model model,
            KvCache cache,
            Workspace workspace,
            Kernels kernels,
            List<? extends Lock> devices,
            Consumer<DeviceFailedException> deviceFailures) {
        this.scheduler = scheduler;
        this.model = model;
        this.cache = cache;
        this.workspace = workspace;
        this.kernels = kernels;
        this.devices = List.copyOf(devices);
        this.deviceFailures = deviceFailures;
        sampler = new StepSampler(model.vocabularySize(), scheduler.limits().parallel());
    }

    @Override
    public void run() {
        try {
            Step step = scheduler.next();
            while (step != null && run(step)) {
                step = scheduler.next();
            }
        } catch (InterruptedException e) {
            scheduler.abort(e);
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) { // a defect of the scheduler itself
            scheduler.abort(e);
            throw e;
        }
    }

    /** False if nothing more can be computed. */
    private boolean run(Step step) {
        @Nullable Throwable failure = null;
        devices.forEach(Lock::lock);
        long mark = workspace.mark();
        // The class of an event is not touched without a recorder: registering it takes 0.1 s.
        @Nullable StepEvent event = FlightRecorder.isInitialized() ? new StepEvent() : null;
        if (event != null) {
            event.begin();
        }
        try {
            long start = System.nanoTime();
            Tensor logits = model.forward(step.batch(workspace), cache, workspace, kernels);
            long computed = System.nanoTime();
            Choices choices = sampler.sample(step, logits);
            if (event != null && event.shouldCommit()) {
                event.model = scheduler.model();
                event.sequences = step.size();
                event.rows = step.rows();
                event.forward = computed - start;
                event.sampling = System.nanoTime() - computed;
                event.commit();
            }
            scheduler.commit(step, choices);
        } catch (RuntimeException | Error e) { // other requests go on
            failure = e;
        } finally {
            workspace.release(mark);
            devices.reversed().forEach(Lock::unlock);
        }
        if (failure instanceof DeviceFailedException lost) {
            deviceFailures.accept(lost);
            scheduler.abort(lost); // all sequences have a part of their cache there
            return false;
        }
        if (failure != null) {
            scheduler.fail(step, failure);
        }
        return true;
    }
}
