package dev.juggler.engine.tokenizer;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a model file says about its tokens, as it says it: texts, types, scores and the ids with a
 * meaning. Immutable.
 */
public final class Vocabulary {
    private final String model;
    private final String preTokenizer;
    private final String architecture;
    private final String name;
    private final List<String> tokens;
    private final int @Nullable [] types;
    private final float @Nullable [] scores;
    private final Map<String, Integer> ids;
    private final Map<String, Boolean> flags;

    private Vocabulary(Builder builder) {
        this.model = builder.model;
        this.preTokenizer = builder.preTokenizer;
        this.architecture = builder.architecture;
        this.name = builder.name;
        this.tokens = builder.tokens;
        this.types = builder.types == null ? null : builder.types.clone();
        this.scores = builder.scores == null ? null : builder.scores.clone();
        this.ids = Map.copyOf(builder.ids);
        this.flags = Map.copyOf(builder.flags);
        check();
        unmaskControlTokens();
    }

    private void check() {
        if (tokens.isEmpty()) {
            throw new TokenizerException("the vocabulary (tokenizer.ggml.tokens) is empty");
        }
        if (types != null) {
            checkLength("tokenizer.ggml.token_type", types.length);
        }
        if (scores != null) {
            checkLength("tokenizer.ggml.scores", scores.length);
        }
        ids.forEach((role, id) -> {
            if (id < 0 || id >= tokens.size()) {
                throw new TokenizerException(
                        "tokenizer.ggml.%s_token_id is %d, but the vocabulary has %d tokens"
                                .formatted(role, id, tokens.size()));
            }
        });
    }

    private void unmaskControlTokens() {
        for (int id = 0; types != null && id < tokens.size(); id++) {
            if (type(id) == TokenType.USER_DEFINED && KnownMarkers.isControl(tokens.get(id))) {
                types[id] = TokenType.CONTROL.number();
            }
        }
    }

    private void checkLength(String key, int length) {
        if (length < tokens.size()) {
            throw new TokenizerException(
                    "%s has %d elements, but the vocabulary has %d tokens"
                            .formatted(key, length, tokens.size()));
        }
    }

    /** Number of tokens. */
    public int size() {
        return tokens.size();
    }

    /**
     * The text of a token as the file spells it.
     *
     * @throws IllegalArgumentException if there is no such token
     */
    public String token(int id) {
        if (id < 0 || id >= tokens.size()) {
            throw new IllegalArgumentException(
                    "token id %d is not in the vocabulary of %d tokens"
                            .formatted(id, tokens.size()));
        }
        return tokens.get(id);
    }

    /**
     * What a token is; normal where the file does not say. Well-known end markers that a file calls
     * user-defined are control tokens.
     */
    public TokenType type(int id) {
        return types == null ? TokenType.NORMAL : TokenType.of(types[id]);
    }

    /** Which kind of tokenizer: {@code tokenizer.ggml.model}. */
    public String model() {
        return model;
    }

    /** The name of its pre-tokenizer: {@code tokenizer.ggml.pre}, "default" where it is absent. */
    public String preTokenizer() {
        return preTokenizer;
    }

    /** How likely each token is, or null. */
    float @Nullable [] scores() {
        return scores;
    }

    /** The id in {@code tokenizer.ggml.ROLE_token_id}, or null. */
    @Nullable Integer id(String role) {
        return ids.get(role);
    }

    /** The truth value in {@code tokenizer.ggml.NAME}. */
    boolean flag(String name, boolean fallback) {
        return flags.getOrDefault(name, fallback);
    }

    /** Whether a flag is given at all. */
    boolean hasFlag(String name) {
        return flags.containsKey(name);
    }

    /** Phi-3 does, and no key says so; later Phi models have another kind of tokenizer. */
    boolean stripsAfterSpecialTokens() {
        String lower = name.toLowerCase(Locale.ROOT);
        return model.equals("llama")
                && (architecture.equals("phi3")
                        || lower.contains("phi-3")
                        || lower.contains("phi3"));
    }

    /** Collects a vocabulary; what is not given is absent from the file. */
    public static final class Builder {
        private final String model;
        private final List<String> tokens;
        private String preTokenizer = "default";
        private String architecture = "";
        private String name = "";
        private int @Nullable [] types;
        private float @Nullable [] scores;
        private final Map<String, Integer> ids = new HashMap<>();
        private final Map<String, Boolean> flags = new HashMap<>();

        /**
         * @param model {@code gpt2} or {@code llama}
         * @param tokens texts by id
         */
        public Builder(String model, List<String> tokens) {
            this.model = model;
            this.tokens = List.copyOf(tokens);
        }

        public Builder preTokenizer(String name) {
            this.preTokenizer = name;
            return this;
        }

        /** Architecture and name of the model: some quirks are known by them alone. */
        public Builder from(String architecture, String name) {
            this.architecture = architecture;
            this.name = name;
            return this;
        }

        /** Types by id, as {@link TokenType} numbers them. */
        public Builder types(int[] types) {
            this.types = types;
            return this;
        }

        /** Scores by id: the higher, the sooner a token is formed. */
        public Builder scores(float[] scores) {
            this.scores = scores;
            return this;
        }

        /** The token of a role: {@code bos}, {@code eos}, {@code eot}, {@code unknown}... */
        public Builder id(String role, int id) {
            ids.put(role, id);
            return this;
        }

        /** A flag: {@code add_bos_token}, {@code add_space_prefix}... */
        public Builder flag(String name, boolean value) {
            flags.put(name, value);
            return this;
        }

        /**
         * The vocabulary.
         *
         * @throws TokenizerException if the parts do not fit together
         */
        public Vocabulary build() {
            return new Vocabulary(this);
        }
    }
}
