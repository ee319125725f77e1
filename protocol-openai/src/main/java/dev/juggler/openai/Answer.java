package dev.juggler.openai;

import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.Finished;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Usage;
import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.json.Json;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Runs the generations of a request and writes what they tell, at once or as it comes. */
final class Answer {
    private final Inference inference;
    private final String version;
    private final HttpCall call;
    private final Options options;
    private final Format format;
    private final String id;
    private final long created = Instant.now().getEpochSecond();

    Answer(Inference inference, String version, HttpCall call, Options options, Format format) {
        this.inference = inference;
        this.version = version;
        this.call = call;
        this.options = options;
        this.format = format;
        this.id = format.idPrefix() + UUID.randomUUID().toString().replace("-", "");
    }

    /**
     * Answers with {@code n} choices for each request.
     *
     * @param requests one for each prompt
     */
    void give(List<GenerationRequest> requests) throws IOException, InterruptedException {
        try (Generations generations = Generations.submit(inference, requests, options.choices())) {
            call.onClientGone(generations::close);
            call.note("model", generations.model());
            if (options.stream()) {
                stream(generations);
            } else {
                whole(generations);
            }
        }
    }

    private void whole(Generations generations) throws IOException, InterruptedException {
        int count = generations.count();
        List<List<GenerationEvent>> events = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            events.add(new ArrayList<>());
        }
        List<Finished> ends = generations.drain((index, event) -> events.get(index).add(event));
        ObjectNode answer = head(generations.model(), false);
        ArrayNode choices = answer.putArray("choices");
        for (int i = 0; i < count; i++) {
            choices.add(format.choice(i).whole(events.get(i), ends.get(i).reason()));
        }
        answer.set("usage", usage(ends));
        call.respond(200, OpenAiProtocol.JSON, Json.bytes(answer));
    }

    private void stream(Generations generations) throws IOException, InterruptedException {
        // Refusals come before the first event, and so before the status is sent.
        generations.awaitStart();
        String model = generations.model();
        ObjectNode head = head(model, true);
        List<Format.Choice> choices = new ArrayList<>();
        for (int i = 0; i < generations.count(); i++) {
            choices.add(format.choice(i));
        }
        call.setHeader("Cache-Control", "no-cache");
        try (EventStream stream = EventStream.open(call)) {
            try {
                List<Finished> ends =
                        generations.drain((index, event) -> {
                            Format.Choice choice = choices.get(index);
                            ObjectNode piece =
                                    event instanceof Finished finished
                                            ? choice.last(finished.reason())
                                            : choice.piece(event);
                            if (piece != null) {
                                stream.data(chunk(head, piece));
                            }
                        });
                ObjectNode usage = usage(ends);
                if (options.includeUsage()) {
                    stream.data(usageChunk(head, usage));
                }
                stream.done();
            } catch (RuntimeException | InterruptedException failure) {
                // The status is sent: the client learns of it here, the log from the server.
                stream.data(OpenAiProtocol.error(HttpError.of(failure)));
                throw failure;
            }
        }
    }

    private ObjectNode head(String model, boolean streamed) {
        ModelCard card = inference.model(model);
        return Json.object()
                .put("id", id)
                .put("object", format.object(streamed))
                .put("created", created)
                .put("model", model)
                .put("system_fingerprint", Fingerprint.of(version, card.digest()));
    }

    private ObjectNode chunk(ObjectNode head, ObjectNode choice) {
        ObjectNode chunk = Json.object();
        chunk.setAll(head);
        chunk.putArray("choices").add(choice);
        if (options.includeUsage()) {
            chunk.putNull("usage");
        }
        return chunk;
    }

    private static ObjectNode usageChunk(ObjectNode head, ObjectNode usage) {
        ObjectNode chunk = Json.object();
        chunk.setAll(head);
        chunk.putArray("choices");
        chunk.set("usage", usage);
        return chunk;
    }

    /** The prompt counts once for all choices of it. */
    private ObjectNode usage(List<Finished> ends) {
        long prompt = 0;
        long cached = 0;
        long generated = 0;
        for (int i = 0; i < ends.size(); i++) {
            Usage usage = ends.get(i).usage();
            generated += usage.generatedTokens();
            if (i % options.choices() == 0) {
                prompt += usage.promptTokens();
                cached += usage.cachedTokens();
            }
        }
        call.note("prompt_tokens", prompt);
        call.note("tokens", generated);
        ObjectNode node =
                Json.object()
                        .put("prompt_tokens", prompt)
                        .put("completion_tokens", generated)
                        .put("total_tokens", prompt + generated);
        node.putObject("prompt_tokens_details").put("cached_tokens", cached);
        return node;
    }
}
