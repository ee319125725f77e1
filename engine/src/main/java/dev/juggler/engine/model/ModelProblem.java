package dev.juggler.engine.model;

import java.util.Locale;

/**
 * One thing that keeps a file from being run as a model.
 *
 * @param text names the thing, its value and, where there is one, the remedy; the file is not named
 */
public record ModelProblem(Kind kind, String text) {
    /** Which part of a file is to blame. */
    public enum Kind {
        /** A part of a split model is not beside the others. */
        MISSING_PART,
        /** No family of this engine has that name. */
        ARCHITECTURE,
        /** A key is missing, has an absurd value, or asks for something that is not supported. */
        METADATA,
        /** A tensor that the architecture needs is not there. */
        MISSING_TENSOR,
        /** A tensor that the architecture does not know would change what the model says. */
        UNKNOWN_TENSOR,
        /** A tensor has other dimensions than the keys say. */
        TENSOR_SHAPE,
        /** A tensor is stored in a way that is not known, or not in this place. */
        TENSOR_TYPE,
        /** A tensor has contents that cannot be. */
        TENSOR_VALUES,
        /** Weights are spread over devices in a way that cannot be computed. */
        PLACEMENT,
        /** The tokenizer is of a kind that is not known, or contradicts itself or the model. */
        TOKENIZER,
        /** The chat template cannot be read. */
        CHAT_TEMPLATE;

        /** As programs see it: {@code missing-tensor}. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }
}
