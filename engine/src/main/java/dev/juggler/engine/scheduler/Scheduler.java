package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.PagePools;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.DeviceFailedException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Decides which sequences compute which rows in which step: continuous batching (Yu et al. 2022,
 * Orca, OSDI '22) with chunked prefill (Agrawal et al. 2023, arXiv:2308.16369).
 *
 * <p>Requests are admitted first come, first served, each with all the pages that it can come to
 * need, so that whoever is admitted can finish and nobody is ever thrown out. Every admitted
 * sequence that is not parked has at least one row in every step; what the rows that generate leave
 * of a step is shared evenly by the prompts.
 *
 * <p>{@link #next}, {@link #commit} and {@link #fail} are for the engine thread, the rest for any.
 */
public final class Scheduler implements AutoCloseable {
    private final String model;
    private final SchedulerLimits limits;
    private final PagePools pools;
    private final Step step;
    private final RowShares shares;
    private final RetryEstimate retry = new RetryEstimate();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private final Condition idle = lock.newCondition();
    private final ArrayDeque<Sequence> waiting = new ArrayDeque<>();
    private final List<Sequence> running = new ArrayList<>();
    private boolean admitting = true;
    private boolean stopped;
    private @Nullable Throwable defect;

    /**
     * @param model its name, for messages
     * @param pools the pages of its cache
     */
    public Scheduler(String model, SchedulerLimits limits, PagePools pools) {
        this.model = model;
        this.limits = limits;
        this.pools = pools;
        step = new Step(limits.stepRows(), limits.parallel(), pools.plan());
        shares = new RowShares(limits.parallel());
    }

    /** Name of the model. */
    public String model() {
        return model;
    }

    /** Its limits. */
    public SchedulerLimits limits() {
        return limits;
    }

    /** Whether it takes requests: it is not stopping, and the engine thread has not died. */
    public boolean isAdmitting() {
        lock.lock();
        try {
            return admitting && defect == null;
        } finally {
            lock.unlock();
        }
    }

    /** Whether the engine thread has ended before its time. */
    public boolean hasFailed() {
        lock.lock();
        try {
            return defect != null;
        } finally {
            lock.unlock();
        }
    }

    /** Sequences that have a place. */
    public int running() {
        lock.lock();
        try {
            return running.size();
        } finally {
            lock.unlock();
        }
    }

    /** Requests that wait for a place. */
    public int queued() {
        lock.lock();
        try {
            return waiting.size();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Puts a request into the queue.
     *
     * @param prompt token ids, at least one
     * @throws InferenceException of kind CONTEXT_EXCEEDED if it can never fit, OVERLOADED if the
     *     queue is full or the engine is stopping, UNAVAILABLE if the engine thread has died
     */
    public Sequence submit(int[] prompt, SequenceOptions options) {
        int most = Admission.maxTokens(model, prompt.length, options.maxTokens(), limits);
        Admission.checkPages(model, prompt.length + most - 1, pools);
        lock.lock();
        try {
            if (defect != null) {
                throw new InferenceException(
                        InferenceException.Kind.UNAVAILABLE,
                        "the engine of model %s has stopped: %s".formatted(model, defect),
                        defect);
            }
            if (!admitting) {
                throw InferenceException.overloaded(
                        "model %s is stopping".formatted(model), Duration.ofSeconds(5));
            }
            int places = Math.max(0, limits.parallel() - running.size());
            if (waiting.size() >= limits.queue() + places) {
                throw InferenceException.overloaded(
                        "model %s is busy: %d requests run and %d wait (queue = %d)"
                                .formatted(model, running.size(), waiting.size(), limits.queue()),
                        retry.estimate(waiting.size(), limits.parallel()));
            }
            Sequence sequence = new Sequence(this, prompt, most, options, limits.events());
            waiting.add(sequence);
            work.signal();
            return sequence;
        } finally {
            lock.unlock();
        }
    }

    /**
     * The next step, waiting for work, or null once the scheduler is closed. The step before it
     * must have been committed or have failed.
     */
    public @Nullable Step next() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!stopped) {
                if (compose()) {
                    return step;
                }
                if (waiting.isEmpty() || running.isEmpty()) {
                    work.await();
                } else { // all are parked and others wait: look again when the first has stalled
                    long left = limits.stall().toNanos() - longestParked();
                    work.awaitNanos(Math.max(left, TimeUnit.MILLISECONDS.toNanos(1)));
                }
            }
            finishAll(Ending.CANCELLED, null);
            return null;
        } finally {
            lock.unlock();
        }
    }

    /** The step that can be made now, without waiting, or null. */
    @Nullable Step poll() {
        lock.lock();
        try {
            return compose() ? step : null;
        } finally {
            lock.unlock();
        }
    }

    /** The step was computed, and these tokens were chosen. */
    public void commit(Step done, Choices choices) {
        lock.lock();
        try {
            for (int index = 0; index < done.size(); index++) {
                Sequence sequence = done.sequence(index);
                sequence.computed(done.rows(index));
                InferenceException error = choices.error(index);
                SampledToken token = choices.token(index);
                if (error != null) {
                    finish(sequence, Ending.FAILED, error);
                } else if (token != null) {
                    Ending ending = sequence.append(token);
                    if (ending != null) {
                        retry.finished(sequence.timing());
                        finish(sequence, ending, null);
                    }
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Computing the step has failed: what its sequences have in the cache is worth nothing now. */
    public void fail(Step failed, Throwable reason) {
        InferenceException error =
                new InferenceException(
                        InferenceException.Kind.UNAVAILABLE,
                        "a step of model %s with %d rows has failed: %s"
                                .formatted(model, failed.rows(), reason),
                        reason);
        lock.lock();
        try {
            for (int index = 0; index < failed.size(); index++) {
                finish(failed.sequence(index), Ending.FAILED, error);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The engine thread ends for this reason; nothing runs any more. */
    void abort(Throwable reason) {
        lock.lock();
        try {
            defect = reason;
            boolean device = reason instanceof DeviceFailedException;
            finishAll(
                    Ending.FAILED,
                    new InferenceException(
                            device
                                    ? InferenceException.Kind.UNAVAILABLE
                                    : InferenceException.Kind.INTERNAL,
                            device
                                    ? "model %s was there, but %s; ask again, it is loaded on what is left"
                                            .formatted(model, reason.getMessage())
                                    : "the engine of model %s has stopped: %s"
                                            .formatted(model, reason),
                            reason));
        } finally {
            lock.unlock();
        }
    }

    /** Admits no more requests; those that were admitted go on. */
    public void stopAdmitting() {
        lock.lock();
        try {
            admitting = false;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until nothing runs and nothing waits; false if that takes longer than {@code limit}.
     */
    public boolean awaitIdle(Duration limit) throws InterruptedException {
        long left = limit.toNanos();
        lock.lockInterruptibly();
        try {
            while (!running.isEmpty() || !waiting.isEmpty()) {
                if (left <= 0) {
                    return false;
                }
                left = idle.awaitNanos(left);
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Stops the engine thread after the present step; what still runs is cancelled. */
    @Override
    public void close() {
        lock.lock();
        try {
            admitting = false;
            stopped = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Something has changed that the engine thread may wait for. */
    void wake() {
        lock.lock();
        try {
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** A cancelled sequence gives up its place in the queue at once, a running one at next(). */
    void cancel(Sequence sequence) {
        lock.lock();
        try {
            if (waiting.remove(sequence)) {
                signalIfIdle();
            }
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** For checks: what runs, in order of admission. Under the scheduler's lock or at rest. */
    List<Sequence> runningSequences() {
        return Collections.unmodifiableList(running);
    }

    private boolean compose() {
        long now = System.nanoTime();
        dropCancelledAndStalled(now);
        admit();
        step.clear();
        shares.share(running, limits.stepRows(), now);
        for (int index = 0; index < running.size(); index++) {
            if (shares.of(index) > 0) {
                step.add(running.get(index), shares.of(index));
            }
        }
        return step.size() > 0;
    }

    private void dropCancelledAndStalled(long now) {
        for (int index = running.size() - 1; index >= 0; index--) {
            Sequence sequence = running.get(index);
            if (sequence.isCancelled()) {
                finish(sequence, Ending.CANCELLED, null);
            } else if (!waiting.isEmpty()
                    && sequence.park(now)
                    && sequence.parkedFor(now) >= limits.stall().toNanos()) {
                finish(
                        sequence,
                        Ending.FAILED,
                        new InferenceException(
                                InferenceException.Kind.OVERLOADED,
                                "nobody read this answer for %d s while other requests waited"
                                        .formatted(limits.stall().toSeconds())));
            }
        }
    }

    private void admit() {
        for (Iterator<Sequence> first = waiting.iterator();
                first.hasNext() && running.size() < limits.parallel(); ) {
            Sequence sequence = first.next();
            if (!pools.hasRoomFor(sequence.positions())) {
                return; // nobody overtakes it, or a large request might wait for ever
            }
            first.remove();
            sequence.admit(pools.take(sequence.positions()));
            running.add(sequence);
        }
    }

    private long longestParked() {
        long now = System.nanoTime();
        return running.stream().mapToLong(sequence -> sequence.parkedFor(now)).max().orElse(0);
    }

    private void finish(Sequence sequence, Ending how, @Nullable InferenceException why) {
        if (running.remove(sequence)) {
            pools.release(sequence.leave());
        }
        sequence.end(how, why);
        signalIfIdle();
    }

    private void finishAll(Ending how, @Nullable InferenceException why) {
        while (!running.isEmpty()) {
            finish(running.getLast(), how, why);
        }
        while (!waiting.isEmpty()) {
            finish(waiting.remove(), how, why);
        }
    }

    private void signalIfIdle() {
        if (running.isEmpty() && waiting.isEmpty()) {
            idle.signalAll();
        }
    }
}
