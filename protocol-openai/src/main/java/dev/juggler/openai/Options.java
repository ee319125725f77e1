package dev.juggler.openai;

import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.json.JsonFields;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The fields that chat completions and completions share.
 *
 * @param model the name as given, or the one that is meant where none is
 * @param choices how many answers to each prompt
 * @param includeUsage whether a stream ends with the token counts
 * @param ignoreEndOfText vLLM's {@code ignore_eos}, for benchmarks
 */
record Options(
        String model,
        Sampling sampling,
        List<String> stop,
        int choices,
        boolean stream,
        boolean includeUsage,
        boolean ignoreEndOfText) {
    /** The limit of OpenAI for {@code n}. */
    static final int MOST_CHOICES = 128;

    static Options read(JsonFields body, Inference inference) {
        Integer choices = body.integer("n", 1, MOST_CHOICES);
        JsonFields streamOptions = body.object("stream_options");
        return new Options(
                model(body, inference),
                sampling(body),
                stop(body),
                choices == null ? 1 : choices,
                body.flag("stream", false),
                streamOptions != null && streamOptions.flag("include_usage", false),
                body.flag("ignore_eos", false));
    }

    /** Without a name: the only model, or else the configured fallback. */
    private static String model(JsonFields body, Inference inference) {
        String name = body.text("model");
        if (name != null && !name.isEmpty()) {
            return name;
        }
        List<ModelCard> models = inference.models();
        if (models.size() == 1) {
            return models.getFirst().name();
        }
        try {
            return inference.model("").name();
        } catch (InferenceException none) {
            HttpError error =
                    body.error(
                            "model",
                            "is missing; configured: "
                                    + models.stream()
                                            .map(ModelCard::name)
                                            .collect(Collectors.joining(", ")));
            error.addSuppressed(none);
            throw error;
        }
    }

    private static Sampling sampling(JsonFields body) {
        Integer topK = body.integer("top_k", -1, Integer.MAX_VALUE);
        return new Sampling(
                body.number("temperature", 1f),
                topK == null ? 0 : Math.max(topK, 0),
                body.number("top_p", 1f),
                body.number("min_p", 0f),
                body.number("repetition_penalty", 1f),
                body.number("presence_penalty", 0f),
                body.number("frequency_penalty", 0f),
                -1,
                body.wholeNumber("seed"),
                logitBias(body));
    }

    private static Map<Integer, Float> logitBias(JsonFields body) {
        JsonFields biases = body.object("logit_bias");
        if (biases == null) {
            return Map.of();
        }
        Map<Integer, Float> byToken = new HashMap<>();
        for (String token : biases.names()) {
            float bias = biases.number(token, 0f);
            if (!(Math.abs(bias) <= 100)) {
                throw biases.error(token, "is %s, it must be -100 to 100".formatted(bias));
            }
            byToken.put(tokenId(biases, token), bias);
        }
        return byToken;
    }

    private static int tokenId(JsonFields biases, String token) {
        try {
            int id = Integer.parseInt(token);
            if (id >= 0) {
                return id;
            }
        } catch (NumberFormatException noNumber) {
            // Told below, as for a negative number.
        }
        throw biases.error(token, "is no token: the keys of logit_bias are token ids");
    }

    private static List<String> stop(JsonFields body) {
        List<String> stop = body.texts("stop");
        if (stop.contains("")) {
            throw body.error("stop", "holds an empty string, which would end every answer");
        }
        return stop;
    }

    /** The request for one prompt. */
    GenerationRequest request(
            Prompt prompt, @Nullable Integer maxTokens, @Nullable Integer topLogprobs) {
        return new GenerationRequest(
                model, prompt, sampling, maxTokens, stop, ignoreEndOfText, topLogprobs, null);
    }
}
