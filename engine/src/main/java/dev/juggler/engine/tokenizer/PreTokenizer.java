package dev.juggler.engine.tokenizer;

import java.util.List;

/**
 * How a BPE vocabulary's text is cut into words before pairs are merged. Merges never cross the
 * border of a word.
 *
 * @param stages cuts, each made within the pieces of the one before
 * @param composes whether text is normalized to NFC first
 * @param prefersWholeWords whether a word that is a token is that token, whatever the merges say
 * @param addsBos whether prompts begin with BOS where the file does not say
 */
record PreTokenizer(
        List<Stage> stages, boolean composes, boolean prefersWholeWords, boolean addsBos) {
    PreTokenizer(Stage... stages) {
        this(List.of(stages), false, false, false);
    }

    PreTokenizer composing() {
        return new PreTokenizer(stages, true, prefersWholeWords, addsBos);
    }

    PreTokenizer preferringWholeWords() {
        return new PreTokenizer(stages, composes, true, addsBos);
    }

    PreTokenizer addingBos() {
        return new PreTokenizer(stages, composes, prefersWholeWords, true);
    }

    /** The ends of the words, ascending. */
    IntList words(int[] text) {
        IntList ends = new IntList(text.length / 4);
        if (text.length > 0) {
            ends.add(text.length);
        }
        for (Stage stage : stages) {
            IntList finer = new IntList(Math.max(ends.size() * 2, text.length / 4));
            int start = 0;
            for (int i = 0; i < ends.size(); i++) {
                stage.split(text, start, ends.get(i), finer);
                start = ends.get(i);
            }
            ends = finer;
        }
        return ends;
    }
}
