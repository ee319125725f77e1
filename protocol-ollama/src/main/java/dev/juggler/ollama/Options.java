package dev.juggler.ollama;

import dev.juggler.inference.Sampling;
import dev.juggler.protocol.json.JsonFields;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Ollama's {@code options}, with Ollama's defaults but for the repetition penalty, which is off
 * unless asked for: it would make temperature 0 another thing than the most probable text.
 *
 * <p>What concerns devices and threads ({@code num_gpu}, {@code num_thread}, ...) is ignored:
 * placement rules decide that. {@code num_ctx} is checked and not used: a sequence always has the
 * configured context, and a prompt that does not fit is refused, never cut.
 *
 * @param maxTokens {@code num_predict}, or null for as many as the context leaves
 */
record Options(Sampling sampling, @Nullable Integer maxTokens, List<String> stop) {
    private static final float TEMPERATURE = 0.8f;
    private static final int TOP_K = 40;
    private static final float TOP_P = 0.9f;
    private static final int PENALTY_WINDOW = 64;

    private static final Options DEFAULTS =
            new Options(
                    new Sampling(
                            TEMPERATURE,
                            TOP_K,
                            TOP_P,
                            0f,
                            1f,
                            0f,
                            0f,
                            PENALTY_WINDOW,
                            null,
                            Map.of()),
                    null,
                    List.of());

    static Options read(JsonFields body) {
        JsonFields options = body.object("options");
        if (options == null) {
            return DEFAULTS;
        }
        refuseUnsupported(options);
        options.integer("num_ctx", 1, Integer.MAX_VALUE);
        Integer topK = options.integer("top_k", Integer.MIN_VALUE, Integer.MAX_VALUE);
        Integer window = options.integer("repeat_last_n", -1, Integer.MAX_VALUE);
        Long seed = options.wholeNumber("seed");
        Sampling sampling =
                new Sampling(
                        options.number("temperature", TEMPERATURE),
                        topK == null ? TOP_K : Math.max(topK, 0),
                        options.number("top_p", TOP_P),
                        options.number("min_p", 0f),
                        options.number("repeat_penalty", 1f),
                        options.number("presence_penalty", 0f),
                        options.number("frequency_penalty", 0f),
                        window == null ? PENALTY_WINDOW : window,
                        seed == null || seed < 0 ? null : seed,
                        Map.of());
        // 0, -1 (no limit) and -2 (fill the context) all mean: as many as fit.
        Integer predict = options.integer("num_predict", Integer.MIN_VALUE, Integer.MAX_VALUE);
        return new Options(
                sampling, predict == null || predict <= 0 ? null : predict, stop(options));
    }

    private static List<String> stop(JsonFields options) {
        List<String> stop = options.texts("stop");
        if (stop.contains("")) {
            throw options.error("stop", "holds an empty string, which would end every answer");
        }
        return stop;
    }

    /** Samplers that are not offered may be given only as the values that switch them off. */
    private static void refuseUnsupported(JsonFields options) {
        Map<String, Float> off = Map.of("mirostat", 0f, "typical_p", 1f, "tfs_z", 1f);
        off.forEach((name, value) -> {
            float given = options.number(name, value);
            if (given != value) {
                throw options.error(
                        name,
                        "is %s; this sampler is not supported, leave it at %s"
                                .formatted(given, value));
            }
        });
    }
}
