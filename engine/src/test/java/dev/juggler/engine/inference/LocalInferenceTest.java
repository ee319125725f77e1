package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.inference.DemoModel.Told;
import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.LoadedModel;
import dev.juggler.inference.Message;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.inference.Tool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The engine as protocols use it, with the demo model on the reference backend. */
@Timeout(300)
class LocalInferenceTest {
    private static final Devices DEVICES = DemoModel.devices();
    private static final LocalInference INFERENCE =
            new LocalInference(DemoModel.config(""), DEVICES);

    @AfterAll
    static void close() {
        INFERENCE.close();
        DEVICES.close();
    }

    private static Told ask(GenerationRequest request) throws InterruptedException {
        return DemoModel.read(INFERENCE.submit(request));
    }

    @Test
    void itAnswers() throws Exception {
        Told told = ask(DemoModel.chat("What is the capital of France?", Sampling.GREEDY, 40));
        assertTrue(told.text().contains("Paris"), told.text());
        assertEquals(FinishReason.STOP, told.end().reason());
        assertEquals(told.promptIds().size(), told.end().usage().promptTokens());
        assertEquals(told.end().generatedIds().size(), told.end().usage().generatedTokens());
        assertTrue(told.end().usage().promptTime().toNanos() > 0);
        assertTrue(told.end().usage().generationTime().toNanos() > 0);
        assertTrue(told.end().usage().total().compareTo(told.end().usage().generationTime()) >= 0);
    }

    @Test
    void eightAtOnceGetTheSameTextsAsOneAfterTheOther() throws Exception {
        List<String> questions =
                List.of(
                        "Tell me a joke.",
                        "What is 3 + 4?",
                        "What is the capital of Spain?",
                        "List 3 fruits.",
                        "Who are you?",
                        "Count from 1 to 5.",
                        "What is the opposite of hot?",
                        "Tell me a story.");
        List<Sampling> samplings =
                List.of(
                        Sampling.GREEDY,
                        new Sampling(1f, 40, 0.95f, 0f, 1.1f, 0f, 0f, 64, 5L, Map.of()));
        int texts = 0;
        for (Sampling sampling : samplings) {
            List<List<Integer>> alone = new ArrayList<>();
            for (String question : questions) {
                alone.add(ask(DemoModel.chat(question, sampling, 32)).end().generatedIds());
            }
            try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
                List<Future<Told>> together = new ArrayList<>();
                for (String question : questions) {
                    together.add(clients.submit(() -> ask(DemoModel.chat(question, sampling, 32))));
                }
                for (int i = 0; i < questions.size(); i++) {
                    assertEquals(
                            alone.get(i),
                            together.get(i).get().end().generatedIds(),
                            questions.get(i));
                    texts++;
                }
            }
        }
        System.out.printf("inference: %d concurrent texts equal the sequential ones%n", texts);
    }

    @Test
    void aStopTextEndsTheAnswerAndIsNoPartOfIt() throws Exception {
        Prompt prompt =
                new Prompt.Chat(
                        List.of(Message.of("user", "Count from 1 to 9.")), List.of(), Map.of());
        String whole = ask(DemoModel.request(prompt, Sampling.GREEDY, 60, List.of())).text();
        String stop = whole.substring(whole.length() / 2, whole.length() / 2 + 3);
        Told cut = ask(DemoModel.request(prompt, Sampling.GREEDY, 60, List.of(stop)));
        assertEquals(whole.substring(0, whole.indexOf(stop)), cut.text());
        assertEquals(FinishReason.STOP, cut.end().reason());
    }

    @Test
    void aToolCallIsAnEvent() throws Exception {
        Map<String, Object> function =
                Map.of(
                        "name",
                        "mul",
                        "description",
                        "Multiply two numbers.",
                        "parameters",
                        Map.of(
                                "type",
                                "object",
                                "properties",
                                Map.of(
                                        "number1",
                                        Map.of("type", "integer", "description", "First number"),
                                        "number2",
                                        Map.of("type", "integer", "description", "Second number")),
                                "required",
                                List.of("number1", "number2")));
        Prompt prompt =
                new Prompt.Chat(
                        List.of(Message.of("user", "Tell me the product of 15 and 78.")),
                        List.of(new Tool(Map.of("type", "function", "function", function))),
                        Map.of());
        Told told = ask(DemoModel.request(prompt, Sampling.GREEDY, 120, List.of()));
        assertEquals(FinishReason.TOOL_CALLS, told.end().reason(), told.events().toString());
        assertTrue(
                told.events().stream()
                        .anyMatch(event ->
                                event instanceof GenerationEvent.Call call
                                        && call.call().name().equals("mul")));
    }

    @Test
    void logprobsComeWithTheText() throws Exception {
        GenerationRequest request =
                new GenerationRequest(
                        DemoModel.NAME,
                        new Prompt.Text("What is", true),
                        Sampling.GREEDY,
                        6,
                        List.of(),
                        true,
                        3,
                        null);
        Told told = ask(request);
        List<TokenLogprob> logprobs = new ArrayList<>();
        for (GenerationEvent event : told.events()) {
            if (event instanceof GenerationEvent.Text text) {
                logprobs.addAll(text.logprobs());
            }
        }
        assertFalse(logprobs.isEmpty());
        for (TokenLogprob token : logprobs) {
            assertEquals(3, token.alternatives().size());
            assertEquals(token.id(), token.alternatives().getFirst().id(), "greedy is the best");
            assertTrue(token.logprob() <= 0);
        }
        InferenceException tooMany =
                assertThrows(
                        InferenceException.class,
                        () ->
                                INFERENCE.submit(
                                        new GenerationRequest(
                                                DemoModel.NAME,
                                                new Prompt.Text("x", true),
                                                Sampling.GREEDY,
                                                1,
                                                List.of(),
                                                true,
                                                101,
                                                null)));
        assertEquals(Kind.INVALID_REQUEST, tooMany.kind());
    }

    @Test
    void whatCannotBeIsRefused() {
        refused(Kind.UNKNOWN_MODEL, () -> INFERENCE.model("no-such-model"));
        refused(
                Kind.CONTEXT_EXCEEDED,
                () -> INFERENCE.submit(DemoModel.chat("Hello", Sampling.GREEDY, 600)));
        refused(
                Kind.INVALID_REQUEST,
                () ->
                        INFERENCE.submit(
                                DemoModel.request(
                                        new Prompt.Tokens(List.of(5, 999_999)),
                                        Sampling.GREEDY,
                                        1,
                                        List.of())));
        refused(
                Kind.INVALID_REQUEST,
                () ->
                        INFERENCE.submit(
                                DemoModel.request(
                                        new Prompt.Tokens(List.of()),
                                        Sampling.GREEDY,
                                        1,
                                        List.of())));
        refused(
                Kind.INVALID_REQUEST,
                () ->
                        INFERENCE.submit(
                                DemoModel.chat(
                                        "x",
                                        new Sampling(
                                                1f,
                                                0,
                                                1f,
                                                0f,
                                                1f,
                                                0f,
                                                0f,
                                                64,
                                                null,
                                                Map.of(99_999, 1f)),
                                        1)));
    }

    private static void refused(Kind kind, Runnable request) {
        InferenceException e = assertThrows(InferenceException.class, request::run);
        assertEquals(kind, e.kind(), e.getMessage());
    }

    @Test
    void closingFromElsewhereEndsAGenerationAsCancelled() throws Exception {
        GenerationRequest request =
                new GenerationRequest(
                        DemoModel.NAME,
                        new Prompt.Text("Once upon a time", true),
                        Sampling.GREEDY,
                        400,
                        List.of(),
                        true,
                        null,
                        null);
        try (Generation generation = INFERENCE.submit(request);
                ExecutorService other = Executors.newVirtualThreadPerTaskExecutor()) {
            generation.next();
            generation.next();
            other.submit(generation::close).get();
            GenerationEvent event = generation.next();
            while (!(event instanceof GenerationEvent.Finished)) {
                event = generation.next();
            }
            assertEquals(FinishReason.CANCELLED, ((GenerationEvent.Finished) event).reason());
            assertThrows(IllegalStateException.class, generation::next);
        }
    }

    @Test
    void theCardComesFromTheHeader() {
        ModelCard card = INFERENCE.model(DemoModel.NAME);
        assertEquals("qwen3moe", card.family());
        assertEquals(512, card.context());
        assertEquals(2048, card.trainedContext());
        assertEquals(256, card.embeddingWidth());
        // The whole file, as its model card lists it.
        assertEquals(
                "2cb5e98c5c1df7fc4dff6f4899c8cf1fbd424096819c61fe927bb4491113c5d3", card.digest());
        assertTrue(card.capabilities().contains("tools"));
        assertTrue(card.parameters() > 7_600_000 && card.parameters() < 7_700_000);
        assertNotNull(card.chatTemplate());
        assertEquals(List.of(card), INFERENCE.models());
    }

    @Test
    void tokenizingNeedsNoWeights() {
        try (LocalInference fresh = new LocalInference(DemoModel.config(""), DEVICES)) {
            List<Integer> ids =
                    fresh.tokenize(
                            DemoModel.NAME,
                            new Prompt.Chat(
                                    List.of(Message.of("user", "Hi")), List.of(), Map.of()));
            assertTrue(ids.size() > 5);
            assertTrue(fresh.loaded().isEmpty());
        }
    }

    @Test
    void concurrentFirstUsesLoadOnce() throws Exception {
        try (LocalInference fresh = new LocalInference(DemoModel.config(""), DEVICES);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<LoadedModel>> loads = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                loads.add(clients.submit(() -> fresh.load(DemoModel.NAME, null)));
            }
            Duration first = loads.getFirst().get().loadTime();
            for (Future<LoadedModel> load : loads) {
                assertEquals(first, load.get().loadTime(), "one and the same load");
            }
            assertEquals(1, fresh.loaded().size());
            assertTrue(
                    fresh.loaded().getFirst().bytesByDevice().getOrDefault("reference", 0L)
                            > 8_000_000);
        }
    }

    @Test
    void keepAliveUnloads() throws Exception {
        try (LocalInference fresh =
                new LocalInference(DemoModel.config("keep-alive = 200ms"), DEVICES)) {
            assertNotNull(fresh.load(DemoModel.NAME, null).card());
            assertNotNull(fresh.loaded().getFirst().expires());
            awaitUnloaded(fresh);
            fresh.load(DemoModel.NAME, Duration.ofMillis(-1));
            assertNull(fresh.loaded().getFirst().expires(), "negative: for ever");
            Generation running =
                    fresh.submit(DemoModel.chat("Tell me a joke.", Sampling.GREEDY, 20));
            fresh.unload(DemoModel.NAME);
            assertEquals(1, fresh.loaded().size(), "not while it answers");
            assertEquals(FinishReason.STOP, reasonOrLength(DemoModel.read(running)));
            awaitUnloaded(fresh);
        }
    }

    private static FinishReason reasonOrLength(Told told) {
        FinishReason reason = told.end().reason();
        return reason == FinishReason.LENGTH ? FinishReason.STOP : reason;
    }

    private static void awaitUnloaded(LocalInference inference) throws InterruptedException {
        long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!inference.loaded().isEmpty()) {
            assertTrue(System.nanoTime() < end, "it is still loaded");
            Thread.sleep(20);
        }
    }

    @Test
    void aFailedLoadIsReportedAndTriedAgain(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("late.gguf");
        try (LocalInference fresh =
                new LocalInference(
                        ConfigFactory.parseString(
                                "juggler.models.late { path = \"%s\", context = 64 }"
                                        .formatted(file)),
                        DEVICES)) {
            refused(Kind.UNAVAILABLE, () -> fresh.load("late", null));
            assertEquals(List.of(), fresh.models());
            Files.writeString(file, "this is no model");
            refused(Kind.UNAVAILABLE, () -> fresh.load("late", null));
            Files.copy(DemoModel.file(), file, StandardCopyOption.REPLACE_EXISTING);
            assertEquals("late", fresh.load("late", null).card().name());
        }
    }

    @Test
    void aModelThatDoesNotFitIsRefusedWithTheNumbers() {
        try (LocalInference fresh =
                new LocalInference(
                        DemoModel.config("context = 500000, parallel = 4000, step-rows = 4000"),
                        DEVICES)) {
            InferenceException e =
                    assertThrows(InferenceException.class, () -> fresh.load(DemoModel.NAME, null));
            assertEquals(Kind.UNAVAILABLE, e.kind());
            assertTrue(String.valueOf(e.getMessage()).contains("too much"), e.getMessage());
        }
    }

    @Test
    void theFallbackAnswersForUnknownNames() throws Exception {
        try (LocalInference fresh =
                new LocalInference(
                        DemoModel.config("")
                                .withFallback(
                                        ConfigFactory.parseString(
                                                "juggler.server.fallback-model = demo")),
                        DEVICES)) {
            assertEquals(DemoModel.NAME, fresh.model("Meta-Llama-3-8B-Instruct").name());
        }
        refused(
                Kind.INVALID_REQUEST,
                () ->
                        new LocalInference(
                                        DemoModel.config("")
                                                .withFallback(
                                                        ConfigFactory.parseString(
                                                                "juggler.server.fallback-model ="
                                                                        + " nobody")),
                                        DEVICES)
                                .close());
    }

    @Test
    void drainingLetsAnswersFinish() throws Exception {
        LocalInference fresh = new LocalInference(DemoModel.config(""), DEVICES);
        Generation running = fresh.submit(DemoModel.chat("What is 2 + 2?", Sampling.GREEDY, 20));
        try (ExecutorService other = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Told> reading = other.submit(() -> DemoModel.read(running));
            fresh.drain(Duration.ofSeconds(60));
            assertTrue(reading.get().end().reason() != FinishReason.CANCELLED);
        }
        refused(Kind.OVERLOADED, () -> fresh.submit(DemoModel.chat("Hello", Sampling.GREEDY, 2)));
        assertTrue(fresh.loaded().isEmpty());
    }
}
