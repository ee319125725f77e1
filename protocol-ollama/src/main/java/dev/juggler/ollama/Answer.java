package dev.juggler.ollama;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Finished;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.ToolCall;
import dev.juggler.inference.Usage;
import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpCall.BodyStream;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.json.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ObjectNode;

/** Runs the generation of a request and writes what it tells, at once or line by line. */
final class Answer {
    private static final String LINES = "application/x-ndjson";

    private static final DateTimeFormatter RFC_3339 =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.nnnnnnnnn'Z'", Locale.ROOT)
                    .withZone(ZoneOffset.UTC);

    private final HttpCall call;
    private final boolean streamed;
    private final Format format;
    private String model = "";
    private List<Integer> promptIds = List.of();

    Answer(HttpCall call, boolean streamed, Format format) {
        this.call = call;
        this.streamed = streamed;
        this.format = format;
    }

    void give(Inference inference, GenerationRequest request)
            throws IOException, InterruptedException {
        try (Generation generation = inference.submit(request)) {
            call.onClientGone(generation::close);
            model = generation.model();
            if (streamed) {
                stream(generation);
            } else {
                whole(generation);
            }
        }
    }

    private void whole(Generation generation) throws IOException, InterruptedException {
        StringBuilder content = new StringBuilder();
        StringBuilder thinking = new StringBuilder();
        List<ToolCall> calls = new ArrayList<>();
        List<TokenLogprob> logprobs = new ArrayList<>();
        while (true) {
            switch (next(generation)) {
                case GenerationEvent.Started started -> promptIds = started.promptIds();
                case GenerationEvent.Text text -> {
                    content.append(text.text());
                    logprobs.addAll(text.logprobs());
                }
                case GenerationEvent.Reasoning thought -> thinking.append(thought.text());
                case GenerationEvent.Call one -> calls.add(one.call());
                case Finished finished -> {
                    ObjectNode piece = format.piece(content.toString(), thinking.toString(), calls);
                    ObjectNode answer = last(piece, finished);
                    if (!logprobs.isEmpty()) {
                        answer.set("logprobs", Logprobs.list(logprobs));
                    }
                    call.respond(200, OllamaProtocol.JSON, Json.bytes(answer));
                    return;
                }
            }
        }
    }

    private void stream(Generation generation) throws IOException, InterruptedException {
        // Refusals come before the first event, and so before the status is sent.
        GenerationEvent event = next(generation);
        try (BodyStream body = call.stream(200, LINES)) {
            try {
                while (!(event instanceof Finished finished)) {
                    tell(body, event);
                    event = next(generation);
                }
                line(body, last(format.piece("", "", List.of()), finished));
            } catch (RuntimeException | InterruptedException failure) {
                // The status is sent: the client learns of it here, the log from the server.
                line(body, OllamaProtocol.error(HttpError.of(failure)));
                throw failure;
            }
        }
    }

    private void tell(BodyStream body, GenerationEvent event) throws IOException {
        switch (event) {
            case GenerationEvent.Started started -> promptIds = started.promptIds();
            case GenerationEvent.Text text -> {
                if (!text.text().isEmpty() || !text.logprobs().isEmpty()) {
                    ObjectNode frame = running(format.piece(text.text(), "", List.of()));
                    if (!text.logprobs().isEmpty()) {
                        frame.set("logprobs", Logprobs.list(text.logprobs()));
                    }
                    line(body, frame);
                }
            }
            case GenerationEvent.Reasoning thought ->
                    line(body, running(format.piece("", thought.text(), List.of())));
            case GenerationEvent.Call one ->
                    line(body, running(format.piece("", "", List.of(one.call()))));
            case Finished ignored -> {}
        }
    }

    private static GenerationEvent next(Generation generation) throws InterruptedException {
        GenerationEvent event = generation.next();
        if (event instanceof Finished finished && finished.reason() == FinishReason.CANCELLED) {
            throw new HttpError(503, "cancelled", "the generation was cancelled", null);
        }
        return event;
    }

    private static void line(BodyStream body, ObjectNode frame) throws IOException {
        body.write((Json.text(frame) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private ObjectNode running(ObjectNode piece) {
        return frame(model, piece).put("done", false);
    }

    /** A frame: model, time, and what the endpoint says. */
    static ObjectNode frame(String model, ObjectNode piece) {
        ObjectNode frame =
                Json.object().put("model", model).put("created_at", RFC_3339.format(Instant.now()));
        frame.setAll(piece);
        return frame;
    }

    /** The last frame, with the counts and the durations in nanoseconds. */
    private ObjectNode last(ObjectNode piece, Finished finished) {
        Usage usage = finished.usage();
        call.note("prompt_tokens", usage.promptTokens());
        call.note("tokens", usage.generatedTokens());
        ObjectNode frame =
                frame(model, piece).put("done", true).put("done_reason", word(finished.reason()));
        List<Integer> ids = new ArrayList<>(promptIds);
        ids.addAll(finished.generatedIds());
        format.complete(frame, ids);
        return frame.put("total_duration", usage.total().toNanos())
                .put("load_duration", usage.load().toNanos())
                .put("prompt_eval_count", usage.promptTokens())
                .put("prompt_eval_duration", usage.promptTime().toNanos())
                .put("eval_count", usage.generatedTokens())
                .put("eval_duration", usage.generationTime().toNanos());
    }

    private static String word(FinishReason reason) {
        return reason == FinishReason.LENGTH ? "length" : "stop";
    }
}
