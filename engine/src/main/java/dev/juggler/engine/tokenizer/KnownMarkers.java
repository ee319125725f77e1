package dev.juggler.engine.tokenizer;

import java.util.Set;

/** Tokens whose meaning is known by their text alone, because files do not say it. */
final class KnownMarkers {
    /** With these, model families say that they have finished. */
    static final Set<String> END_OF_GENERATION =
            Set.of(
                    "<|eot_id|>",
                    "<|im_end|>",
                    "<|end|>",
                    "<|return|>",
                    "<|call|>",
                    "<|flush|>",
                    "<|calls|>",
                    "<end_of_turn>",
                    "<|endoftext|>",
                    "<|end_of_text|>",
                    "</s>",
                    "<eos>",
                    "<|eom_id|>",
                    "<EOT>",
                    "_<EOT>",
                    "<|EOT|>",
                    "[EOT]",
                    "[EOS]",
                    "[e~[",
                    "<end_of_utterance>",
                    "<｜end▁of▁sentence｜>",
                    "<|fim_pad|>",
                    "<fim-pad>",
                    "<fim_pad>",
                    "<|fim_repo|>",
                    "<|repo_name|>",
                    "<|file_sep|>");

    /** Around the gap that a code model fills. */
    private static final Set<String> FILL_IN_THE_MIDDLE =
            Set.of(
                    "<|fim_prefix|>",
                    "<fim-prefix>",
                    "<fim_prefix>",
                    "<｜fim▁begin｜>",
                    "<PRE>",
                    "▁<PRE>",
                    "<|code_prefix|>",
                    "<|fim_suffix|>",
                    "<fim-suffix>",
                    "<fim_suffix>",
                    "<｜fim▁hole｜>",
                    "<SUF>",
                    "▁<SUF>",
                    "<|code_suffix|>",
                    "<|fim_middle|>",
                    "<fim-middle>",
                    "<fim_middle>",
                    "<｜fim▁end｜>",
                    "<MID>",
                    "▁<MID>",
                    "<|code_middle|>");

    private KnownMarkers() {}

    /**
     * Whether a token that a file calls user-defined is structure after all, as other engines read
     * the same files. DeepSeek's {@code <|EOT|>} stays what its file says.
     */
    static boolean isControl(String token) {
        return !token.equals("<|EOT|>")
                && (END_OF_GENERATION.contains(token) || FILL_IN_THE_MIDDLE.contains(token));
    }
}
