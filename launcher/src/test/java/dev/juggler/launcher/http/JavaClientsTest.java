package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.InternalServerException;
import com.openai.errors.NotFoundException;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageToolCall;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.CompletionCreateParams;
import dev.juggler.inference.GenerationEvent.Call;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Text;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.ToolCall;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.ollama.OllamaChatModel;
import dev.langchain4j.model.ollama.OllamaModels;
import dev.langchain4j.model.ollama.OllamaStreamingChatModel;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** openai-java and LangChain4j as they come. */
@Timeout(60)
class JavaClientsTest {
    private static final ToolCall CALL = new ToolCall("call_1", "weather", Map.of("city", "Köln"));

    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private OpenAIClient openAi() {
        return OpenAIOkHttpClient.builder()
                .baseUrl(server.uri("/v1").toString())
                .apiKey("none")
                .maxRetries(0)
                .timeout(Duration.ofSeconds(10))
                .build();
    }

    private static ChatCompletionCreateParams.Builder question() {
        return ChatCompletionCreateParams.builder()
                .model("demo")
                .addSystemMessage("be brief")
                .addUserMessage("hi");
    }

    /** The text of the tool's result once there is one, a call of the tool before. */
    private static List<ScriptedInference.Act> useTool(GenerationRequest request) {
        Message last = ((Prompt.Chat) request.prompt()).messages().getLast();
        return last.role().equals("tool")
                ? ScriptedInference.says("It is ", last.content() + " in Köln")
                : ScriptedInference.tells(FinishReason.TOOL_CALLS, new Call(CALL));
    }

    @Test
    void openAiJavaChats() {
        OpenAIClient client = openAi();
        ChatCompletion whole = client.chat().completions().create(question().build());
        assertEquals("Hello world", whole.choices().getFirst().message().content().orElseThrow());
        assertEquals(3, whole.usage().orElseThrow().completionTokens());
        whole.validate();
        ChatCompletionCreateParams streamed =
                question()
                        .streamOptions(
                                ChatCompletionStreamOptions.builder().includeUsage(true).build())
                        .build();
        try (StreamResponse<ChatCompletionChunk> stream =
                client.chat().completions().createStreaming(streamed)) {
            List<ChatCompletionChunk> chunks = stream.stream().toList();
            chunks.forEach(ChatCompletionChunk::validate);
            assertEquals(
                    "Hello world",
                    chunks.stream()
                            .flatMap(chunk -> chunk.choices().stream())
                            .flatMap(choice -> choice.delta().content().stream())
                            .collect(Collectors.joining()));
            assertEquals(8, chunks.getLast().usage().orElseThrow().totalTokens());
        }
        assertEquals(2, client.models().list().data().size());
        assertEquals("org/plain:7b", client.models().retrieve("org/plain:7b").id());
        assertEquals(
                "Hello world",
                client.completions()
                        .create(CompletionCreateParams.builder().model("demo").prompt("x").build())
                        .choices()
                        .getFirst()
                        .text());
        client.close();
    }

    @Test
    void openAiJavaCallsTools() {
        server.inference.script = JavaClientsTest::useTool;
        OpenAIClient client = openAi();
        ChatCompletionCreateParams params =
                question()
                        .addFunctionTool(
                                FunctionDefinition.builder()
                                        .name("weather")
                                        .parameters(
                                                FunctionParameters.builder()
                                                        .putAdditionalProperty(
                                                                "type", JsonValue.from("object"))
                                                        .build())
                                        .build())
                        .build();
        ChatCompletion answer = client.chat().completions().create(params);
        ChatCompletionMessageToolCall call =
                answer.choices().getFirst().message().toolCalls().orElseThrow().getFirst();
        assertEquals("weather", call.asFunction().function().name());
        assertEquals("{\"city\":\"Köln\"}", call.asFunction().function().arguments());
        client.close();
    }

    @Test
    void openAiJavaUnderstandsErrors() {
        OpenAIClient client = openAi();
        assertThrows(
                NotFoundException.class,
                () -> client.chat().completions().create(question().model("other").build()));
        BadRequestException bad =
                assertThrows(
                        BadRequestException.class,
                        () -> client.chat().completions().create(question().n(0).build()));
        assertEquals("n", bad.param().orElseThrow());
        server.inference.script =
                request ->
                        ScriptedInference.failing(
                                ScriptedInference.says("begun"),
                                new InferenceException(Kind.INTERNAL, "broken in the middle"));
        assertThrows(
                RuntimeException.class,
                () -> {
                    try (StreamResponse<ChatCompletionChunk> stream =
                            client.chat().completions().createStreaming(question().build())) {
                        stream.stream().forEach(chunk -> {});
                    }
                });
        server.inference.script =
                request -> {
                    throw new InferenceException(Kind.OVERLOADED, "the queue is full");
                };
        InternalServerException full =
                assertThrows(
                        InternalServerException.class,
                        () -> client.chat().completions().create(question().build()));
        assertEquals(503, full.statusCode());
        client.close();
    }

    private ChatModel langChain(String api) {
        return api.equals("openai")
                ? OpenAiChatModel.builder()
                        .baseUrl(server.uri("/v1").toString())
                        .apiKey("none")
                        .modelName("demo")
                        .maxRetries(0)
                        .timeout(Duration.ofSeconds(10))
                        .build()
                : OllamaChatModel.builder()
                        .baseUrl(server.uri("").toString())
                        .modelName("demo")
                        .maxRetries(0)
                        .timeout(Duration.ofSeconds(10))
                        .build();
    }

    private StreamingChatModel langChainStreaming(String api) {
        return api.equals("openai")
                ? OpenAiStreamingChatModel.builder()
                        .baseUrl(server.uri("/v1").toString())
                        .apiKey("none")
                        .modelName("demo")
                        .timeout(Duration.ofSeconds(10))
                        .build()
                : OllamaStreamingChatModel.builder()
                        .baseUrl(server.uri("").toString())
                        .modelName("demo")
                        .timeout(Duration.ofSeconds(10))
                        .build();
    }

    /** Collects what a streaming model tells. */
    private static final class Collector implements StreamingChatResponseHandler {
        final List<String> pieces = new ArrayList<>();
        final CompletableFuture<ChatResponse> end = new CompletableFuture<>();

        @Override
        public void onPartialResponse(String piece) {
            pieces.add(piece);
        }

        @Override
        public void onCompleteResponse(ChatResponse response) {
            end.complete(response);
        }

        @Override
        public void onError(Throwable error) {
            end.completeExceptionally(error);
        }
    }

    private static ChatResponse stream(
            StreamingChatModel model, ChatRequest request, List<String> pieces) throws Exception {
        Collector collector = new Collector();
        model.chat(request, collector);
        ChatResponse response = collector.end.get(20, TimeUnit.SECONDS);
        pieces.addAll(collector.pieces);
        return response;
    }

    @ParameterizedTest
    @ValueSource(strings = {"openai", "ollama"})
    void langChainChats(String api) throws Exception {
        ChatRequest request =
                ChatRequest.builder()
                        .messages(SystemMessage.from("be brief"), UserMessage.from("hi"))
                        .build();
        ChatResponse whole = langChain(api).chat(request);
        assertEquals("Hello world", whole.aiMessage().text());
        assertEquals(3, whole.tokenUsage().outputTokenCount());
        List<String> pieces = new ArrayList<>();
        ChatResponse streamed = stream(langChainStreaming(api), request, pieces);
        assertEquals(List.of("Hello", " world"), pieces);
        assertEquals("Hello world", streamed.aiMessage().text());
        assertEquals(5, streamed.tokenUsage().inputTokenCount());
        // A long prompt: more than one buffer, sent with Upgrade: h2c by the JDK's client.
        String text = "ä".repeat(70_000);
        assertEquals("Hello world", langChain(api).chat(text));
        Prompt.Chat prompt = (Prompt.Chat) server.inference.requests.getLast().prompt();
        assertEquals(text, prompt.messages().getFirst().content());
    }

    @ParameterizedTest
    @ValueSource(strings = {"openai", "ollama"})
    void langChainCallsTools(String api) throws Exception {
        server.inference.script = JavaClientsTest::useTool;
        ToolSpecification tool =
                ToolSpecification.builder()
                        .name("weather")
                        .description("the weather")
                        .parameters(
                                JsonObjectSchema.builder()
                                        .addStringProperty("city")
                                        .required("city")
                                        .build())
                        .build();
        UserMessage question = UserMessage.from("how is the weather?");
        ChatRequest first =
                ChatRequest.builder().messages(question).toolSpecifications(tool).build();
        ChatResponse whole = langChain(api).chat(first);
        ChatResponse streamed = stream(langChainStreaming(api), first, new ArrayList<>());
        for (AiMessage message : Stream.of(whole, streamed).map(ChatResponse::aiMessage).toList()) {
            ToolExecutionRequest call = message.toolExecutionRequests().getFirst();
            assertEquals("weather", call.name());
            assertEquals(
                    "Köln", TestServer.JSON.readTree(call.arguments()).get("city").stringValue());
            ChatRequest second =
                    ChatRequest.builder()
                            .messages(
                                    question,
                                    message,
                                    ToolExecutionResultMessage.from(call, "sunny"))
                            .toolSpecifications(tool)
                            .build();
            assertEquals("It is sunny in Köln", langChain(api).chat(second).aiMessage().text());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"openai", "ollama"})
    void langChainLearnsOfErrors(String api) {
        server.inference.script =
                request -> {
                    throw new InferenceException(Kind.CONTEXT_EXCEEDED, "9999 tokens do not fit");
                };
        RuntimeException refused =
                assertThrows(RuntimeException.class, () -> langChain(api).chat("hi"));
        assertTrue(refused.toString().contains("9999 tokens do not fit"), refused.toString());
        ChatRequest request = ChatRequest.builder().messages(UserMessage.from("hi")).build();
        assertThrows(
                Exception.class, () -> stream(langChainStreaming(api), request, new ArrayList<>()));
    }

    @Test
    void langChainListsOllamaModels() {
        OllamaModels models = OllamaModels.builder().baseUrl(server.uri("").toString()).build();
        assertEquals("demo", models.availableModels().content().getFirst().getName());
        assertEquals(
                "Q8_0", models.modelCard("demo").content().getDetails().getQuantizationLevel());
        assertEquals("demo", models.runningModels().content().getFirst().getName());
    }

    @Test
    void langChainKeepsManyStreamsApart() throws Exception {
        server.inference.script =
                request -> {
                    Prompt.Chat chat = (Prompt.Chat) request.prompt();
                    String text = String.valueOf(chat.messages().getLast().content());
                    return ScriptedInference.tells(
                            FinishReason.STOP,
                            Stream.of(text.split("(?<=.)", -1))
                                    .map(piece -> new Text(piece, List.of()))
                                    .toArray(Text[]::new));
                };
        StreamingChatModel model = langChainStreaming("openai");
        List<Collector> collectors = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            Collector collector = new Collector();
            collectors.add(collector);
            ChatRequest request =
                    ChatRequest.builder().messages(UserMessage.from("question " + i)).build();
            model.chat(request, collector);
        }
        for (int i = 0; i < collectors.size(); i++) {
            ChatResponse response = collectors.get(i).end.get(20, TimeUnit.SECONDS);
            assertEquals("question " + i, response.aiMessage().text());
        }
    }
}
