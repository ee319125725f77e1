package dev.juggler.ollama;

import dev.juggler.inference.Inference;
import dev.juggler.inference.LoadedModel;
import dev.juggler.inference.ModelCard;
import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.ProtocolContext;
import dev.juggler.protocol.Route;
import dev.juggler.protocol.json.Json;
import dev.juggler.protocol.json.JsonFields;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The Ollama API (docs.ollama.com/api): generate, chat, tags, show, ps, version. */
final class OllamaProtocol implements Protocol {
    static final String JSON = "application/json; charset=utf-8";

    private final Inference inference;
    private final ModelNames names;
    private final String version;
    private final boolean enabled;

    OllamaProtocol(ProtocolContext context) {
        this.inference = context.inference();
        this.names = new ModelNames(inference);
        this.version = context.version();
        this.enabled = Boolean.parseBoolean(context.values().getOrDefault("enabled", "true"));
    }

    @Override
    public List<Route> routes() {
        if (!enabled) {
            return List.of();
        }
        List<Route> routes = new ArrayList<>();
        routes.add(new Route("GET", "/", OllamaProtocol::greet));
        routes.add(new Route("POST", "/api/generate", this::generate));
        routes.add(new Route("POST", "/api/chat", this::chat));
        routes.add(new Route("GET", "/api/tags", this::tags));
        routes.add(new Route("POST", "/api/show", this::show));
        routes.add(new Route("GET", "/api/ps", this::running));
        routes.add(new Route("GET", "/api/version", this::version));
        String configure = "models are configured in juggler.conf, not through the API";
        routes.add(missing("POST", "/api/pull", configure));
        routes.add(missing("POST", "/api/push", configure));
        routes.add(missing("POST", "/api/create", configure));
        routes.add(missing("POST", "/api/copy", configure));
        routes.add(missing("DELETE", "/api/delete", configure));
        routes.add(missing("HEAD", "/api/blobs/{digest}", configure));
        routes.add(missing("POST", "/api/blobs/{digest}", configure));
        routes.add(missing("POST", "/api/embed", "embeddings are not supported yet"));
        routes.add(missing("POST", "/api/embeddings", "embeddings are not supported yet"));
        return List.copyOf(routes);
    }

    /** An endpoint that Ollama has and this server has not. */
    private static Route missing(String method, String path, String why) {
        return new Route(
                method,
                path,
                call -> {
                    throw new HttpError(501, "not_implemented", call.path() + ": " + why, null);
                });
    }

    private static void greet(HttpCall call) throws IOException {
        call.respond(
                200,
                "text/plain; charset=utf-8",
                "Juggler is running".getBytes(StandardCharsets.UTF_8));
    }

    private void version(HttpCall call) throws IOException {
        answer(call, Json.object().put("version", version));
    }

    private void tags(HttpCall call) throws IOException {
        ObjectNode answer = Json.object();
        ArrayNode models = answer.putArray("models");
        inference.models().forEach(card -> models.add(ModelViews.tag(card)));
        answer(call, answer);
    }

    private void running(HttpCall call) throws IOException {
        ObjectNode answer = Json.object();
        ArrayNode models = answer.putArray("models");
        inference.loaded().forEach(model -> models.add(ModelViews.running(model)));
        answer(call, answer);
    }

    private void show(HttpCall call) throws IOException {
        JsonFields body = Json.read(call);
        ModelCard card = names.card(body);
        answer(call, ModelViews.show(card, body.flag("verbose", false)));
    }

    private void generate(HttpCall call) throws IOException, InterruptedException {
        JsonFields body = Json.read(call);
        ModelCard card = names.card(body);
        call.note("model", card.name());
        GenerateReader reader = new GenerateReader(body, card, inference);
        if (reader.isEmpty()) {
            loadOrUnload(call, body, card, new GenerateFormat());
            return;
        }
        new Answer(call, reader.stream(), new GenerateFormat()).give(inference, reader.request());
    }

    private void chat(HttpCall call) throws IOException, InterruptedException {
        JsonFields body = Json.read(call);
        ModelCard card = names.card(body);
        call.note("model", card.name());
        ChatReader reader = new ChatReader(body, card);
        if (reader.isEmpty()) {
            loadOrUnload(call, body, card, new ChatFormat());
            return;
        }
        new Answer(call, reader.stream(), new ChatFormat()).give(inference, reader.request());
    }

    /** What a request without a prompt means: load the model, or unload it with keep_alive 0. */
    private void loadOrUnload(HttpCall call, JsonFields body, ModelCard card, Format format)
            throws IOException {
        Duration keepAlive = KeepAlive.read(body);
        ObjectNode frame = Answer.frame(card.name(), format.piece("", "", List.of()));
        if (keepAlive != null && keepAlive.isZero()) {
            inference.unload(card.name());
            answer(call, frame.put("done", true).put("done_reason", "unload"));
        } else {
            LoadedModel loaded = inference.load(card.name(), keepAlive);
            answer(
                    call,
                    frame.put("model", loaded.card().name())
                            .put("done", true)
                            .put("done_reason", "load"));
        }
    }

    private static void answer(HttpCall call, JsonNode answer) throws IOException {
        call.respond(200, JSON, Json.bytes(answer));
    }

    @Override
    public void writeError(HttpCall call, HttpError error) throws IOException {
        call.respond(error.status(), JSON, Json.bytes(error(error)));
    }

    /** {@code {"error": "..."}}. */
    static ObjectNode error(HttpError error) {
        return Json.object().put("error", error.text());
    }
}
