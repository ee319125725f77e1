package dev.juggler.engine.answer;

import dev.juggler.inference.GenerationEvent.TokenLogprob;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Log probabilities of tokens whose text has not been told yet. */
final class LogprobQueue {
    /** A token and where its piece begins in the answer, in characters. */
    private record Waiting(long start, TokenLogprob token) {}

    private final Deque<Waiting> waiting = new ArrayDeque<>();
    private long received;
    private long taken;

    /** Adds the tokens of a piece of so many characters. */
    void add(int length, List<TokenLogprob> tokens) {
        for (TokenLogprob token : tokens) {
            waiting.add(new Waiting(received, token));
        }
        received += length;
    }

    /** The tokens whose text begins within the next {@code length} characters. */
    List<TokenLogprob> take(int length) {
        taken += length;
        List<TokenLogprob> tokens = new ArrayList<>();
        while (!waiting.isEmpty() && waiting.peek().start() < taken) {
            tokens.add(waiting.remove().token());
        }
        return tokens;
    }
}
