package dev.juggler.openai;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Finished;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.Sampling;
import dev.juggler.protocol.HttpError;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** The generations that answer one request, submitted together and closed together. */
final class Generations implements AutoCloseable {
    /** Takes what generation number {@code index} tells; of one generation in order. */
    @FunctionalInterface
    interface Consumer {
        void accept(int index, GenerationEvent event) throws IOException;
    }

    private final List<Generation> generations = new ArrayList<>();
    private @Nullable GenerationEvent first;

    private Generations() {}

    /**
     * Submits each request {@code choices} times, with seeds that differ.
     *
     * @throws dev.juggler.inference.InferenceException if one is refused; then none is left
     */
    static Generations submit(Inference inference, List<GenerationRequest> requests, int choices) {
        Generations all = new Generations();
        try {
            for (GenerationRequest request : requests) {
                for (int i = 0; i < choices; i++) {
                    all.generations.add(inference.submit(withSeed(request, i)));
                }
            }
        } catch (RuntimeException refused) {
            all.close();
            throw refused;
        }
        return all;
    }

    private static GenerationRequest withSeed(GenerationRequest request, int choice) {
        Sampling given = request.sampling();
        Long seed = given.seed();
        if (seed == null || choice == 0) {
            return request;
        }
        Sampling sampling =
                new Sampling(
                        given.temperature(),
                        given.topK(),
                        given.topP(),
                        given.minP(),
                        given.repetitionPenalty(),
                        given.presencePenalty(),
                        given.frequencyPenalty(),
                        given.penaltyWindow(),
                        seed + choice,
                        given.logitBias());
        return new GenerationRequest(
                request.model(),
                request.prompt(),
                sampling,
                request.maxTokens(),
                request.stop(),
                request.ignoreEndOfText(),
                request.topLogprobs(),
                request.keepAlive());
    }

    int count() {
        return generations.size();
    }

    /** The model that answers. */
    String model() {
        return generations.getFirst().model();
    }

    /** Waits until the first generation is admitted. */
    void awaitStart() throws InterruptedException {
        if (first == null) {
            first = generations.getFirst().next();
        }
    }

    /**
     * Hands everything that the generations tell to {@code consumer}, several of them at once.
     *
     * @return how each ended
     * @throws dev.juggler.inference.InferenceException if one fails; the others are closed
     * @throws IOException if the consumer does; all are closed
     */
    List<Finished> drain(Consumer consumer) throws IOException, InterruptedException {
        if (generations.size() == 1) {
            return List.of(drain(0, consumer));
        }
        // Closing the others makes them end as cancelled; the failure that began it is what counts.
        AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            try {
                List<Future<Finished>> running = new ArrayList<>();
                for (int i = 0; i < generations.size(); i++) {
                    int index = i;
                    running.add(threads.submit(() -> drainOrFail(index, consumer, failure)));
                }
                List<Finished> ends = new ArrayList<>();
                for (Future<Finished> one : running) {
                    ends.add(one.get());
                }
                return ends;
            } finally {
                // Before the executor waits for its threads: this is what ends them.
                close();
            }
        } catch (ExecutionException failed) {
            throw rethrown(failure.get(), failed);
        }
    }

    private Finished drainOrFail(
            int index, Consumer consumer, AtomicReference<@Nullable Exception> failure)
            throws IOException, InterruptedException {
        try {
            return drain(index, consumer);
        } catch (IOException | RuntimeException failed) {
            failure.compareAndSet(null, failed);
            close();
            throw failed;
        }
    }

    private static RuntimeException rethrown(@Nullable Exception first, ExecutionException seen)
            throws IOException {
        return switch (first) {
            case IOException gone -> throw gone;
            case RuntimeException failure -> failure;
            case null, default -> new IllegalStateException(seen.getCause());
        };
    }

    private Finished drain(int index, Consumer consumer) throws IOException, InterruptedException {
        Generation generation = generations.get(index);
        GenerationEvent event = index == 0 && first != null ? first : generation.next();
        while (true) {
            if (event instanceof Finished finished) {
                if (finished.reason() == FinishReason.CANCELLED) {
                    throw new HttpError(503, "cancelled", "the generation was cancelled", null);
                }
                consumer.accept(index, event);
                return finished;
            }
            consumer.accept(index, event);
            event = generation.next();
        }
    }

    @Override
    public void close() {
        generations.forEach(Generation::close);
    }
}
