package dev.juggler.engine.tokenizer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds the tokens that are literal texts, {@code <|im_end|>} and the like: a trie over all of
 * them, at each place of a text the longest one. Children of a node are a linked list; they are
 * few.
 */
final class SpecialTokens {
    private static final int NO_NODE = 0;
    private static final int NO_TOKEN = -1;

    private final Vocabulary vocabulary;
    private final boolean stripsAfter;
    private char[] letters = new char[256];
    private int[] firstChild = new int[256];
    private int[] nextSibling = new int[256];
    private int[] tokens = new int[256];
    private int nodes = 1;

    SpecialTokens(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
        this.stripsAfter = vocabulary.stripsAfterSpecialTokens();
        tokens[0] = NO_TOKEN;
        for (int id = 0; id < vocabulary.size(); id++) {
            if (vocabulary.type(id).isLiteral()) {
                add(vocabulary.token(id), id);
            }
        }
    }

    /** Takes the parts of a text in order. */
    interface Parts {
        /** Text without special tokens. */
        void text(int start, int end);

        void token(int id);
    }

    /**
     * Cuts a text.
     *
     * @param control whether control tokens are recognised too; user-defined ones always are
     */
    void split(String text, boolean control, Parts parts) {
        int start = 0;
        int at = 0;
        while (at < text.length()) {
            int id = longest(text, at, control);
            if (id == NO_TOKEN) {
                at++;
                continue;
            }
            if (start < at) {
                parts.text(start, at);
            }
            parts.token(id);
            at += vocabulary.token(id).length();
            while (stripsAfter(id)
                    && at < text.length()
                    && CharacterClass.isWhiteSpace(text.charAt(at))) {
                at++;
            }
            start = at;
        }
        if (start < text.length()) {
            parts.text(start, text.length());
        }
    }

    /** The token of exactly this text, or null. */
    @Nullable Integer find(String text) {
        int node = 0;
        for (int i = 0; i < text.length(); i++) {
            node = child(node, text.charAt(i));
            if (node == NO_NODE) {
                return null;
            }
        }
        return tokens[node] == NO_TOKEN ? null : tokens[node];
    }

    private int longest(String text, int start, boolean control) {
        int found = NO_TOKEN;
        int node = 0;
        for (int i = start; i < text.length(); i++) {
            node = child(node, text.charAt(i));
            if (node == NO_NODE) {
                break;
            }
            int id = tokens[node];
            if (id != NO_TOKEN && (control || vocabulary.type(id) == TokenType.USER_DEFINED)) {
                found = id;
            }
        }
        return found;
    }

    /** Phi-3 swallows white space after all of them but these, which no file says. */
    private boolean stripsAfter(int id) {
        return stripsAfter
                && switch (vocabulary.token(id)) {
                    case "<unk>", "<s>", "<|endoftext|>" -> false;
                    default -> true;
                };
    }

    private void add(String text, int id) {
        if (text.isEmpty()) {
            return;
        }
        int node = 0;
        for (int i = 0; i < text.length(); i++) {
            int child = child(node, text.charAt(i));
            node = child == NO_NODE ? newNode(node, text.charAt(i)) : child;
        }
        if (tokens[node] == NO_TOKEN) {
            tokens[node] = id;
        }
    }

    private int newNode(int parent, char letter) {
        if (nodes == letters.length) {
            letters = Arrays.copyOf(letters, nodes * 2);
            firstChild = Arrays.copyOf(firstChild, nodes * 2);
            nextSibling = Arrays.copyOf(nextSibling, nodes * 2);
            tokens = Arrays.copyOf(tokens, nodes * 2);
        }
        letters[nodes] = letter;
        tokens[nodes] = NO_TOKEN;
        nextSibling[nodes] = firstChild[parent];
        firstChild[parent] = nodes;
        return nodes++;
    }

    private int child(int node, char letter) {
        int child = firstChild[node];
        while (child != NO_NODE && letters[child] != letter) {
            child = nextSibling[child];
        }
        return child;
    }
}
