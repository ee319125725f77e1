package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePools;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import org.jspecify.annotations.Nullable;

/** Whether a request can fit at all; arithmetic that needs no state. */
final class Admission {
    private Admission() {}

    /**
     * How many tokens a request may generate.
     *
     * @param asked as asked for, or null for as many as the context leaves
     * @throws InferenceException if it cannot fit, with the numbers
     */
    static int maxTokens(
            String model, int prompt, @Nullable Integer asked, SchedulerLimits limits) {
        int context = limits.context();
        if (prompt < 1) {
            throw new InferenceException(
                    Kind.INVALID_REQUEST,
                    "the prompt is empty: there is nothing to continue",
                    "prompt");
        }
        if (asked != null && asked < 1) {
            throw new InferenceException(
                    Kind.INVALID_REQUEST,
                    "max_tokens is %d, it must be at least 1".formatted(asked),
                    "max_tokens");
        }
        if (prompt >= context) {
            throw new InferenceException(
                    Kind.CONTEXT_EXCEEDED,
                    ("the prompt has %d tokens, which leaves no place for an answer in the context"
                                    + " of %d of model %s; shorten it, or raise"
                                    + " juggler.models.%s.context")
                            .formatted(prompt, context, model, model));
        }
        if (asked == null) {
            return context - prompt;
        }
        if (asked > context - prompt) {
            throw new InferenceException(
                    Kind.CONTEXT_EXCEEDED,
                    ("the prompt has %d tokens and %d more are asked for, together %d, but model"
                                    + " %s has a context of %d; ask for at most %d, shorten the"
                                    + " prompt, or raise juggler.models.%s.context")
                            .formatted(
                                    prompt,
                                    asked,
                                    (long) prompt + asked,
                                    model,
                                    context,
                                    context - prompt,
                                    model),
                    "max_tokens");
        }
        return asked;
    }

    /**
     * @throws InferenceException if even the empty cache has too few pages
     */
    static void checkPages(String model, int positions, PagePools pools) {
        if (!pools.couldHold(positions)) {
            throw new InferenceException(
                    Kind.CONTEXT_EXCEEDED,
                    "%d positions need %d pages of %d, the cache of model %s has %s"
                            .formatted(
                                    positions,
                                    KvCachePlan.pagesFor(positions, pools.plan().pageSize()),
                                    pools.plan().pageSize(),
                                    model,
                                    pools));
        }
    }
}
