package dev.juggler.engine.tokenizer;

import dev.juggler.engine.gguf.GgufMetadata;
import java.util.List;

/** Reads the tokenizer of a model file. */
public final class Tokenizers {
    private static final String PREFIX = "tokenizer.ggml.";

    /** Roles of tokens that have a key of their own, {@code tokenizer.ggml.ROLE_token_id}. */
    private static final String[] ROLES = {"bos", "eos", "eot", "eom", "unknown"};

    private static final String[] FLAGS = {
        "add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces"
    };

    private Tokenizers() {}

    /**
     * The tokenizer that the metadata describe; the file may be closed afterwards.
     *
     * @throws TokenizerException if it is of a kind that is not supported, or contradicts itself
     * @throws dev.juggler.engine.gguf.GgufException if a key is missing or of the wrong type
     */
    public static Tokenizer load(GgufMetadata metadata) {
        Vocabulary vocabulary = vocabulary(metadata);
        boolean merges = vocabulary.model().equals("gpt2");
        return new Tokenizer(vocabulary, merges ? metadata.strings(PREFIX + "merges") : List.of());
    }

    private static Vocabulary vocabulary(GgufMetadata metadata) {
        Vocabulary.Builder builder =
                new Vocabulary.Builder(
                                metadata.string(PREFIX + "model"),
                                metadata.strings(PREFIX + "tokens"))
                        .preTokenizer(metadata.string(PREFIX + "pre", "default"))
                        .from(
                                metadata.string("general.architecture", ""),
                                metadata.string("general.name", ""));
        if (metadata.has(PREFIX + "token_type")) {
            builder.types(metadata.integers(PREFIX + "token_type"));
        }
        if (metadata.has(PREFIX + "scores")) {
            builder.scores(metadata.floats(PREFIX + "scores"));
        }
        for (String role : ROLES) {
            String key = PREFIX + role + "_token_id";
            if (metadata.has(key)) {
                builder.id(role, metadata.count(key));
            }
        }
        for (String flag : FLAGS) {
            if (metadata.has(PREFIX + flag)) {
                builder.flag(flag, metadata.bool(PREFIX + flag));
            }
        }
        return builder.build();
    }
}
