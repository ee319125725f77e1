package dev.juggler.inference;

/**
 * One generation in flight. Used by one thread; {@link #close()} may come from any thread and makes
 * the sequence leave at the next step. A consumer that does not call {@link #next()} parks its own
 * sequence and nobody else's.
 */
public interface Generation extends AutoCloseable {
    /** The model that answers; not what was asked for where a fallback is configured. */
    String model();

    /**
     * The next event, waiting for it. The first is {@link GenerationEvent.Started}; the last is
     * {@link GenerationEvent.Finished}. After a close from elsewhere: Finished with reason
     * CANCELLED.
     *
     * @throws InferenceException if the generation fails
     * @throws InterruptedException if the waiting thread is interrupted
     * @throws IllegalStateException after Finished
     */
    GenerationEvent next() throws InterruptedException;

    /** Ends the generation if it still runs. */
    @Override
    void close();
}
