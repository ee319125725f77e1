package dev.juggler.engine.inference;

import dev.juggler.inference.InferenceException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The place of one configured model: empty, loading or loaded. The first who uses it loads it, the
 * others wait; a load that fails is reported to all of them and tried again by the next. Nobody
 * unloads it while somebody uses it. Safe for many threads.
 */
final class ModelSlot {
    private final ModelSettings settings;
    private final Supplier<ServedModel> loader;
    private final ScheduledExecutorService timer;

    private @Nullable CompletableFuture<ServedModel> model;
    private int users;
    private @Nullable Duration keepAlive;
    private @Nullable Instant expires;
    private @Nullable ScheduledFuture<?> expiry;
    private long lastUse = System.nanoTime();

    ModelSlot(
            ModelSettings settings, Supplier<ServedModel> loader, ScheduledExecutorService timer) {
        this.settings = settings;
        this.loader = loader;
        this.timer = timer;
        keepAlive = settings.keepAlive();
    }

    /** A use of a model that is loaded or loading; closing it, once or more often, ends the use. */
    final class Lease implements AutoCloseable {
        private final CompletableFuture<ServedModel> leased;
        private boolean open = true;

        private Lease(CompletableFuture<ServedModel> leased) {
            this.leased = leased;
        }

        /**
         * The model; waits until it is loaded.
         *
         * @throws InferenceException of kind UNAVAILABLE if it cannot be loaded
         */
        ServedModel model() {
            return await(leased);
        }

        @Override
        public void close() {
            synchronized (ModelSlot.this) {
                if (open) {
                    open = false;
                    users--;
                    lastUse = System.nanoTime();
                    expireIfIdle();
                }
            }
        }
    }

    ModelSettings settings() {
        return settings;
    }

    /**
     * Uses the model. If need be its loading begins, for which only {@link Lease#model()} waits.
     *
     * @param stays how long it stays afterwards; null: as configured; negative: for ever
     */
    synchronized Lease use(@Nullable Duration stays) {
        dropIfDeadOrFailed();
        if (model == null) {
            model = startLoading();
        }
        users++;
        lastUse = System.nanoTime();
        keepAlive = stays == null ? settings.keepAlive() : stays.isNegative() ? null : stays;
        cancelExpiry();
        return new Lease(model);
    }

    /** The model if it is loaded, else null; this is no use. */
    @Nullable ServedModel loaded() {
        CompletableFuture<ServedModel> future;
        synchronized (this) {
            future = model;
        }
        return future != null && future.state() == CompletableFuture.State.SUCCESS
                ? future.resultNow()
                : null;
    }

    /** When it will be unloaded unless it is used, or null for never or while it is in use. */
    synchronized @Nullable Instant expires() {
        return expires;
    }

    /** When it was last used, in the terms of {@link System#nanoTime}. */
    synchronized long lastUse() {
        return lastUse;
    }

    /** Unloads it now, or when its last use ends. */
    synchronized void unload() {
        keepAlive = Duration.ZERO;
        if (users == 0) {
            unloadNow();
        }
    }

    /** Unloads it if nobody uses it; true if that freed memory. */
    synchronized boolean unloadIfIdle() {
        if (users > 0 || loaded() == null) {
            return false;
        }
        unloadNow();
        return true;
    }

    /** Unloads it whoever uses it; their generations are cancelled. */
    synchronized void close() {
        unloadNow();
    }

    private CompletableFuture<ServedModel> startLoading() {
        CompletableFuture<ServedModel> future = new CompletableFuture<>();
        // A thread of its own, so that a client that goes away interrupts its waiting, not the
        // load.
        Thread.ofPlatform()
                .daemon()
                .name("juggler-load-" + settings.name())
                .start(() -> {
                    try {
                        future.complete(loader.get());
                        expireIfIdle(); // whoever wanted it may have gone
                    } catch (Throwable e) { // whoever waits must hear of it
                        future.completeExceptionally(e);
                    }
                });
        return future;
    }

    private ServedModel await(CompletableFuture<ServedModel> future) {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InferenceException(
                    InferenceException.Kind.UNAVAILABLE,
                    "interrupted while model %s was loading".formatted(settings.name()),
                    e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new InferenceException(
                    InferenceException.Kind.UNAVAILABLE,
                    cause instanceof InferenceException
                            ? String.valueOf(cause.getMessage())
                            : "model %s cannot be loaded: %s"
                                    .formatted(settings.name(), message(cause)),
                    cause);
        }
    }

    private static String message(Throwable cause) {
        String text = cause.getMessage();
        return text == null || cause instanceof Error ? cause.toString() : text;
    }

    private synchronized void expireIfIdle() {
        ServedModel served = loaded();
        Duration stays = keepAlive;
        if (users > 0 || served == null || stays == null) {
            return;
        }
        cancelExpiry();
        if (stays.isZero()) {
            unloadNow();
        } else {
            expires = Instant.now().plus(stays);
            expiry = timer.schedule(this::expire, stays.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private synchronized void expire() {
        Instant due = expires;
        if (users == 0 && due != null && !Instant.now().isBefore(due)) {
            unloadNow();
        }
    }

    private void dropIfDeadOrFailed() {
        if (model != null && model.isCompletedExceptionally()) {
            model = null; // the next one tries again
        }
        ServedModel served = loaded();
        if (served != null
                && (served.scheduler().hasFailed() || (users == 0 && !served.isUsable()))) {
            unloadNow();
        }
    }

    private void unloadNow() {
        cancelExpiry();
        CompletableFuture<ServedModel> future = model;
        model = null;
        if (future != null) {
            // Where it is still loading, it is closed when that is done.
            var _ = future.thenAccept(ServedModel::close);
        }
    }

    private void cancelExpiry() {
        expires = null;
        if (expiry != null) {
            expiry.cancel(false);
            expiry = null;
        }
    }
}
