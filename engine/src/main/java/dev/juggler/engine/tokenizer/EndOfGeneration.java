package dev.juggler.engine.tokenizer;

import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which tokens say that the model has finished. Files name one or two; the others that a family is
 * known to stop with are found by their text, among the special tokens only.
 */
final class EndOfGeneration {
    private EndOfGeneration() {}

    static Set<Integer> of(Vocabulary vocabulary, SpecialTokens specials, @Nullable Integer eos) {
        Set<Integer> ids = new TreeSet<>();
        for (String text : KnownMarkers.END_OF_GENERATION) {
            Integer id = specials.find(text);
            if (id != null) {
                ids.add(id);
            }
        }
        // In the harmony format <|end|> ends a message; <|return|> and <|call|> end the turn.
        Integer end = specials.find("<|end|>");
        boolean harmony =
                (specials.find("<|return|>") != null && specials.find("<|call|>") != null)
                        || (specials.find("<|flush|>") != null
                                && specials.find("<|calls|>") != null);
        if (harmony && end != null) {
            ids.remove(end);
        }
        for (String role : new String[] {"eot", "eom"}) {
            Integer id = vocabulary.id(role);
            if (id != null) {
                ids.add(id);
            }
        }
        if (eos != null) {
            ids.add(eos);
        }
        return Collections.unmodifiableSet(ids);
    }
}
