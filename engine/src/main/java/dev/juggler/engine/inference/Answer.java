package dev.juggler.engine.inference;

import dev.juggler.engine.answer.AnswerParser;
import dev.juggler.engine.sampling.TokenLogprobs;
import dev.juggler.engine.scheduler.SampledToken;
import dev.juggler.engine.tokenizer.StreamingDecoder;
import dev.juggler.engine.tokenizer.Tokenizer;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.GenerationRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The way from the tokens of one answer to its text, reasoning and tool calls. All of it happens on
 * the consumer's thread, so that the engine thread only ever computes.
 */
final class Answer {
    private final PromptEncoder.Encoded prompt;
    private final Tokenizer tokenizer;
    private final Set<Integer> ends;
    private final StreamingDecoder decoder;
    private final AnswerParser parser;

    /** Log probabilities of tokens that have not completed a character yet. */
    private final List<TokenLogprob> pending = new ArrayList<>();

    private Answer(PromptEncoder.Encoded prompt, GenerationRequest request, Tokenizer tokenizer) {
        this.prompt = prompt;
        this.tokenizer = tokenizer;
        ends = request.ignoreEndOfText() ? Set.of() : tokenizer.endOfGeneration();
        decoder = tokenizer.continuationDecoder();
        parser = AnswerParser.forRequest(request, prompt.template(), prompt.text());
    }

    /**
     * Prepares the answer to a request.
     *
     * @throws dev.juggler.inference.InferenceException if its prompt cannot be encoded
     */
    static Answer to(GenerationRequest request, PromptEncoder encoder) {
        return new Answer(encoder.encode(request.prompt()), request, encoder.tokenizer());
    }

    /** The prompt as the model sees it. */
    int[] promptIds() {
        return prompt.ids();
    }

    /** Whether a token ends the answer. */
    boolean isEnd(int id) {
        return ends.contains(id);
    }

    /** What a token of the answer adds. */
    List<GenerationEvent> accept(SampledToken token) {
        // A model may have more rows of logits than there are tokens.
        boolean hidden = isEnd(token.id()) || token.id() >= tokenizer.vocabularySize();
        if (hidden) {
            return List.of();
        }
        TokenLogprobs logprobs = token.logprobs();
        if (logprobs != null) {
            pending.add(logprob(logprobs));
        }
        String piece = decoder.accept(token.id());
        if (piece.isEmpty()) {
            return List.of();
        }
        List<TokenLogprob> tokens = List.copyOf(pending);
        pending.clear();
        return parser.accept(piece, tokens);
    }

    /** What was held back until the answer is over. */
    List<GenerationEvent> finish() {
        List<GenerationEvent> events = new ArrayList<>();
        String rest = decoder.finish();
        if (!rest.isEmpty()) {
            events.addAll(parser.accept(rest, List.copyOf(pending)));
        }
        events.addAll(parser.finish());
        return events;
    }

    /** Whether a stop text has ended it. */
    boolean stopped() {
        return parser.stopped();
    }

    /** Whether it calls tools. */
    boolean callsTools() {
        return parser.calledTools();
    }

    private TokenLogprob logprob(TokenLogprobs logprobs) {
        List<TokenLogprob> alternatives = new ArrayList<>();
        for (int rank = 0; rank < logprobs.size(); rank++) {
            alternatives.add(
                    new TokenLogprob(
                            logprobs.id(rank),
                            piece(logprobs.id(rank)),
                            logprobs.logprob(rank),
                            List.of()));
        }
        return new TokenLogprob(
                logprobs.chosen(),
                piece(logprobs.chosen()),
                logprobs.chosenLogprob(),
                alternatives);
    }

    private String piece(int id) {
        return id < tokenizer.vocabularySize() ? tokenizer.piece(id) : "";
    }
}
