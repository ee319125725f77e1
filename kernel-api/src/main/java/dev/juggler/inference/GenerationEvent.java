package dev.juggler.inference;

import java.util.List;

/** What a generation tells. */
public sealed interface GenerationEvent {
    /** It was admitted; tokens of the prompt as the model sees them. */
    record Started(List<Integer> promptIds) implements GenerationEvent {}

    /** More of the answer; whole characters. {@code logprobs} is empty unless asked for. */
    record Text(String text, List<TokenLogprob> logprobs) implements GenerationEvent {}

    /** More of the model's reasoning, kept apart from the answer. */
    record Reasoning(String text) implements GenerationEvent {}

    /** A complete tool call. */
    record Call(ToolCall call) implements GenerationEvent {}

    /** The end. */
    record Finished(FinishReason reason, Usage usage, List<Integer> generatedIds)
            implements GenerationEvent {}

    /** Why a generation ended. */
    enum FinishReason {
        /** The model ended its answer or a stop text came. */
        STOP,
        /** The limit of tokens, or the context, is reached. */
        LENGTH,
        /** The answer is one or more tool calls. */
        TOOL_CALLS,
        /** It was closed before its end. */
        CANCELLED
    }

    /**
     * A token's natural log probability before temperature and filters, with the most probable
     * alternatives.
     */
    record TokenLogprob(int id, String token, double logprob, List<TokenLogprob> alternatives) {}
}
