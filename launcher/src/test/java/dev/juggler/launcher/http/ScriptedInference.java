package dev.juggler.launcher.http;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Finished;
import dev.juggler.inference.GenerationEvent.Started;
import dev.juggler.inference.GenerationEvent.Text;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.LoadedModel;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Usage;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** An engine whose generations tell what a test has written for them. */
final class ScriptedInference implements Inference {
    /** One thing that a generation does when it is asked for its next event. */
    interface Act {
        GenerationEvent perform(ScriptedGeneration generation) throws InterruptedException;
    }

    final List<GenerationRequest> requests = new CopyOnWriteArrayList<>();
    final List<ScriptedGeneration> generations = new CopyOnWriteArrayList<>();
    final List<String> loads = new CopyOnWriteArrayList<>();
    volatile @Nullable String fallback;
    volatile Function<GenerationRequest, List<Act>> script = request -> says("Hello", " world");

    private final List<ModelCard> cards =
            List.of(
                    card("demo", List.of("completion", "tools", "thinking"), "{{ messages }}"),
                    card("org/plain:7b", List.of("completion"), null));

    static Usage usage(int prompt, int generated) {
        return new Usage(
                prompt,
                3,
                generated,
                Duration.ofMillis(120),
                Duration.ofMillis(7),
                Duration.ofMillis(2),
                Duration.ofMillis(40),
                Duration.ofMillis(71));
    }

    /** Started, these texts, and a stop. */
    static List<Act> says(String... texts) {
        List<GenerationEvent> events = new ArrayList<>();
        for (String text : texts) {
            events.add(new Text(text, List.of()));
        }
        return tells(FinishReason.STOP, events.toArray(GenerationEvent[]::new));
    }

    /** Started, these events, and an end for this reason. */
    static List<Act> tells(FinishReason reason, GenerationEvent... events) {
        List<Act> acts = new ArrayList<>();
        acts.add(generation -> new Started(List.of(11, 12, 13, 14, 15)));
        for (GenerationEvent event : events) {
            acts.add(generation -> event);
        }
        acts.add(generation -> new Finished(reason, usage(5, events.length + 1), List.of(21, 22)));
        return acts;
    }

    /** Started, the texts, and then nothing until the generation is closed. */
    static List<Act> hangsAfter(String... texts) {
        List<Act> acts = new ArrayList<>(says(texts));
        acts.set(acts.size() - 1, ScriptedGeneration::awaitClose);
        return acts;
    }

    /** The acts, with a failure in the place of the last. */
    static List<Act> failing(List<Act> acts, InferenceException failure) {
        List<Act> changed = new ArrayList<>(acts);
        changed.set(
                changed.size() - 1,
                generation -> {
                    throw failure;
                });
        return changed;
    }

    private static ModelCard card(
            String name, List<String> capabilities, @Nullable String template) {
        return new ModelCard(
                name,
                Path.of("/models/" + name.replace('/', '-') + ".gguf"),
                8_187_424,
                "ab".repeat(32),
                Instant.parse("2026-01-02T03:04:05.678Z"),
                "qwen3moe",
                7_654_321,
                "Q8_0",
                2048,
                4096,
                128,
                template,
                capabilities,
                Map.of("general.architecture", "qwen3moe", "qwen3moe.block_count", 6),
                List.of(
                        new ModelCard.TensorCard(
                                "token_embd.weight", "Q8_0", List.of(128L, 512L))));
    }

    @Override
    public List<ModelCard> models() {
        return cards;
    }

    @Override
    public ModelCard model(String name) {
        for (String wanted : Arrays.asList(name, fallback)) {
            for (ModelCard card : cards) {
                if (card.name().equals(wanted)) {
                    return card;
                }
            }
        }
        throw new InferenceException(
                InferenceException.Kind.UNKNOWN_MODEL,
                "no model is called '" + name + "'",
                "model");
    }

    @Override
    public List<LoadedModel> loaded() {
        return List.of(
                new LoadedModel(
                        cards.getFirst(),
                        Map.of("cpu", 1000L, "cuda:0", 500L),
                        2048,
                        null,
                        Duration.ofMillis(7),
                        0,
                        0));
    }

    @Override
    public LoadedModel load(String name, @Nullable Duration keepAlive) {
        loads.add("load " + model(name).name() + " " + keepAlive);
        return loaded().getFirst();
    }

    @Override
    public void unload(String name) {
        loads.add("unload " + name);
    }

    @Override
    public List<Integer> tokenize(String model, Prompt prompt) {
        return List.of(101, 102);
    }

    @Override
    public Generation submit(GenerationRequest request) {
        String model = model(request.model()).name();
        requests.add(request);
        ScriptedGeneration generation = new ScriptedGeneration(model, script.apply(request));
        generations.add(generation);
        return generation;
    }

    /** The only request so far. */
    GenerationRequest request() {
        if (requests.size() != 1) {
            throw new AssertionError(requests.size() + " requests instead of one");
        }
        return requests.getFirst();
    }

    /** A generation that follows its script. */
    static final class ScriptedGeneration implements Generation {
        private final String model;
        private final List<Act> acts;
        private final CountDownLatch closed = new CountDownLatch(1);
        private volatile int told;

        ScriptedGeneration(String model, List<Act> acts) {
            this.model = model;
            this.acts = acts;
        }

        @Override
        public String model() {
            return model;
        }

        @Override
        public GenerationEvent next() throws InterruptedException {
            int index = told;
            if (index >= acts.size()) {
                throw new IllegalStateException("asked for more after the end");
            }
            told = index + 1;
            return acts.get(index).perform(this);
        }

        GenerationEvent awaitClose() throws InterruptedException {
            closed.await();
            return new Finished(FinishReason.CANCELLED, usage(5, told), List.of());
        }

        /** How many events were asked for. */
        int told() {
            return told;
        }

        boolean closedWithin(Duration limit) throws InterruptedException {
            return closed.await(limit.toMillis(), TimeUnit.MILLISECONDS);
        }

        @Override
        public void close() {
            closed.countDown();
        }
    }
}
