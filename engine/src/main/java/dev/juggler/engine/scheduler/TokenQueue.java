package dev.juggler.engine.scheduler;

import dev.juggler.inference.InferenceException;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The bounded queue between the engine thread, which never waits, and the consumer of one sequence,
 * which does. A full queue parks the sequence: the scheduler computes nothing more for it.
 */
final class TokenQueue {
    private final int capacity;
    private final ArrayDeque<SampledToken> tokens;
    private final Runnable drained;
    private @Nullable Ending ending;
    private @Nullable InferenceException error;

    /**
     * @param drained called on the consumer's thread when a queue has become half empty
     */
    TokenQueue(int capacity, Runnable drained) {
        this.capacity = capacity;
        this.drained = drained;
        tokens = new ArrayDeque<>(capacity);
    }

    synchronized boolean isFull() {
        return tokens.size() >= capacity;
    }

    /** Adds a token; the scheduler has seen to it that there is room. */
    synchronized void offer(SampledToken token) {
        if (ending != null) {
            return; // the consumer is gone
        }
        if (isFull()) {
            throw new IllegalStateException("a parked sequence was computed");
        }
        tokens.add(token);
        notifyAll();
    }

    /** No more tokens will come; those that are here can still be taken. Only the first counts. */
    synchronized void end(Ending how, @Nullable InferenceException why) {
        if (ending == null) {
            ending = how;
            error = why;
            notifyAll();
        }
    }

    /** As {@link #end}, and nobody wants the tokens that are here. */
    synchronized void abandon() {
        tokens.clear();
        end(Ending.CANCELLED, null);
    }

    /**
     * The next token, waiting for it, or null at the end.
     *
     * @throws InferenceException if the sequence has failed
     */
    @Nullable SampledToken take() throws InterruptedException {
        SampledToken token;
        boolean halfEmpty;
        synchronized (this) {
            while (tokens.isEmpty() && ending == null) {
                wait();
            }
            token = tokens.poll();
            halfEmpty = tokens.size() == capacity / 2;
            if (token == null && error != null) {
                throw new InferenceException(
                        error.kind(), String.valueOf(error.getMessage()), error);
            }
        }
        if (token != null && halfEmpty) {
            drained.run(); // outside of the lock: it takes the scheduler's
        }
        return token;
    }

    /** How the sequence ended, or null while it runs. */
    synchronized @Nullable Ending ending() {
        return ending;
    }
}
