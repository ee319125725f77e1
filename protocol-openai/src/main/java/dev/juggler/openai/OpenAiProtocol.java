package dev.juggler.openai;

import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.ModelCard;
import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.ProtocolContext;
import dev.juggler.protocol.Route;
import dev.juggler.protocol.json.Json;
import dev.juggler.protocol.json.JsonFields;
import java.io.IOException;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The OpenAI API (platform.openai.com/docs/api-reference): models, chat completions, completions.
 */
final class OpenAiProtocol implements Protocol {
    static final String JSON = "application/json";

    private final Inference inference;
    private final String version;
    private final boolean enabled;
    private final String basePath;

    OpenAiProtocol(ProtocolContext context) {
        this.inference = context.inference();
        this.version = context.version();
        this.enabled = Boolean.parseBoolean(context.values().getOrDefault("enabled", "true"));
        this.basePath = basePath(context.values().getOrDefault("base-path", "/v1"));
    }

    private static String basePath(String configured) {
        String path =
                configured.endsWith("/")
                        ? configured.substring(0, configured.length() - 1)
                        : configured;
        if (!path.isEmpty() && !path.startsWith("/")) {
            throw new IllegalArgumentException(
                    "juggler.protocol.openai.base-path is '%s', it must start with a slash"
                            .formatted(configured));
        }
        return path;
    }

    @Override
    public List<Route> routes() {
        if (!enabled) {
            return List.of();
        }
        return List.of(
                new Route("GET", basePath + "/models", this::listModels),
                new Route("GET", basePath + "/models/{id*}", this::showModel),
                new Route("POST", basePath + "/chat/completions", this::chat),
                new Route("POST", basePath + "/completions", this::complete));
    }

    private void listModels(HttpCall call) throws IOException {
        ArrayNode data = Json.list();
        inference.models().forEach(card -> data.add(model(card)));
        ObjectNode answer = Json.object().put("object", "list");
        answer.set("data", data);
        call.respond(200, JSON, Json.bytes(answer));
    }

    private void showModel(HttpCall call) throws IOException {
        ModelCard card = inference.model(call.pathParameter("id"));
        call.respond(200, JSON, Json.bytes(model(card)));
    }

    private static ObjectNode model(ModelCard card) {
        return Json.object()
                .put("id", card.name())
                .put("object", "model")
                .put("created", card.modified().getEpochSecond())
                .put("owned_by", "juggler");
    }

    private void chat(HttpCall call) throws IOException, InterruptedException {
        JsonFields body = Json.read(call);
        Options options = Options.read(body, inference);
        GenerationRequest request = ChatReader.read(body, options, inference);
        boolean oneToolCall = !body.flag("parallel_tool_calls", true);
        new Answer(inference, version, call, options, new ChatFormat(oneToolCall))
                .give(List.of(request));
    }

    private void complete(HttpCall call) throws IOException, InterruptedException {
        JsonFields body = Json.read(call);
        Options options = Options.read(body, inference);
        List<GenerationRequest> requests = CompletionReader.read(body, options);
        new Answer(inference, version, call, options, new CompletionFormat()).give(requests);
    }

    @Override
    public void writeError(HttpCall call, HttpError error) throws IOException {
        call.respond(error.status(), JSON, Json.bytes(error(error)));
    }

    /** {@code {"error": {"message", "type", "param", "code"}}}. */
    static ObjectNode error(HttpError error) {
        ObjectNode details =
                Json.object()
                        .put("message", error.text())
                        .put(
                                "type",
                                error.status() < 500 ? "invalid_request_error" : "server_error")
                        .put("param", error.parameter())
                        .put("code", error.code());
        ObjectNode answer = Json.object();
        answer.set("error", details);
        return answer;
    }
}
