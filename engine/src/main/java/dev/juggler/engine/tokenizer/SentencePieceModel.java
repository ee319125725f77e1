package dev.juggler.engine.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * SentencePiece's BPE ({@code tokenizer.ggml.model = llama}): spaces become U+2581, and of all
 * neighbours whose joint text is a token, those with the best score are joined (Kudo and
 * Richardson, <a href="https://arxiv.org/abs/1808.06226">SentencePiece</a>). What is no token in
 * the end is spelled in byte tokens.
 */
final class SentencePieceModel implements TokenModel {
    private static final int MARKED_SPACE = 0x2581;

    private final Vocabulary vocabulary;
    private final float[] scores;
    private final boolean prefixesSpace;
    private final boolean removesExtraSpaces;
    private volatile @Nullable Tables tables;

    /**
     * What encoding needs, built when the first text comes.
     *
     * @param spansWords whether a piece goes on behind a word, so that words cannot be merged one
     *     by one
     */
    private record Tables(TextIndex pieces, IntList byteTokens, boolean spansWords) {}

    SentencePieceModel(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
        float[] given = vocabulary.scores();
        if (given == null) {
            throw new TokenizerException(
                    "tokenizer.ggml.scores is missing, which a vocabulary of model llama needs");
        }
        this.scores = given;
        this.prefixesSpace = vocabulary.flag("add_space_prefix", true);
        this.removesExtraSpaces = vocabulary.flag("remove_extra_whitespaces", false);
    }

    private Tables tables() {
        Tables built = tables;
        if (built == null) {
            synchronized (this) {
                built = tables;
                if (built == null) {
                    built = build();
                    tables = built;
                }
            }
        }
        return built;
    }

    private Tables build() {
        TextIndex pieces = new TextIndex(vocabulary.size());
        boolean spansWords = false;
        int[] byteTokens = new int[256];
        Arrays.fill(byteTokens, -1);
        for (int id = 0; id < vocabulary.size(); id++) {
            TokenType type = vocabulary.type(id);
            if (type == TokenType.BYTE) {
                int value = byteValue(vocabulary.token(id));
                byteTokens[value] = byteTokens[value] < 0 ? id : byteTokens[value];
            } else if (type != TokenType.CONTROL && type != TokenType.UNKNOWN) {
                String token = vocabulary.token(id);
                byte[] text = token.getBytes(StandardCharsets.UTF_8);
                pieces.add(text, 0, text.length, id);
                spansWords |= spansWords(token);
            }
        }
        IntList list = new IntList(256);
        for (int token : byteTokens) {
            list.add(token);
        }
        return new Tables(pieces, list, spansWords);
    }

    private static boolean spansWords(String token) {
        for (int i = 1; i < token.length(); i++) {
            if (token.charAt(i) == MARKED_SPACE && token.charAt(i - 1) != MARKED_SPACE) {
                return true;
            }
        }
        return false;
    }

    /** The value of {@code <0x41>}. */
    private static int byteValue(String token) {
        if (token.length() == 6 && token.startsWith("<0x") && token.endsWith(">")) {
            int high = Character.digit(token.charAt(3), 16);
            int low = Character.digit(token.charAt(4), 16);
            if (high >= 0 && low >= 0) {
                return (high << 4) | low;
            }
        }
        throw new TokenizerException(
                "byte token \"%s\" in tokenizer.ggml.tokens, expected the form <0x41>"
                        .formatted(token));
    }

    @Override
    public void encode(String text, boolean afterBorder, IntList ids) {
        Tables table = tables();
        boolean prefix = prefixesSpace && afterBorder;
        int[] points = Utf8.codePoints(marked(text, prefix));
        Merger merger = new Merger(table, ids);
        int start = 0;
        for (int end = 1; end <= points.length; end++) {
            boolean border =
                    end == points.length
                            || (points[end] == MARKED_SPACE
                                    && points[end - 1] != MARKED_SPACE
                                    && !table.spansWords);
            if (border) {
                merger.encode(points, start, end);
                start = end;
            }
        }
    }

    private String marked(String text, boolean prefix) {
        String kept = removesExtraSpaces ? removeExtraSpaces(text) : text;
        return (prefix && !kept.isEmpty() ? " " + kept : kept).replace(' ', (char) MARKED_SPACE);
    }

    /** Merges the characters of one word after the other; one thread at a time. */
    private final class Merger {
        private final Tables table;
        private final IntList ids;
        private final MergeQueue queue = new MergeQueue();
        private byte[] bytes = new byte[256];

        /** Where each character of the word begins in the bytes; one more: their end. */
        private int[] starts = new int[65];

        Merger(Tables table, IntList ids) {
            this.table = table;
            this.ids = ids;
        }

        void encode(int[] points, int start, int end) {
            int length = end - start;
            if (length >= starts.length) {
                int capacity = Math.max(length, starts.length * 2);
                starts = new int[capacity + 1];
                bytes = new byte[Math.multiplyExact(capacity, Utf8.MOST_BYTES)];
            }
            queue.prepare(length);
            int[] symbol = queue.symbol;
            for (int i = 0; i < length; i++) {
                starts[i + 1] = Utf8.write(points[start + i], bytes, starts[i]);
                symbol[i] = table.pieces.find(bytes, starts[i], starts[i + 1]);
            }
            queue.merge(length, this::pair);
            for (int i = 0; i < length; i = queue.next(i)) {
                if (symbol[i] >= 0) {
                    ids.add(symbol[i]);
                } else {
                    spell(starts[i], starts[queue.next(i)]);
                }
            }
        }

        private long pair(int left, int right, int end) {
            int piece = table.pieces.find(bytes, starts[left], starts[end]);
            return piece < 0 ? MergeQueue.NONE : MergeQueue.pair(priority(scores[piece]), piece);
        }

        /** A character that is no token: its bytes, or the unknown token where they are missing. */
        private void spell(int start, int end) {
            for (int k = start; k < end; k++) {
                int token = table.byteTokens.get(bytes[k] & 0xFF);
                if (token < 0) {
                    Integer unknown = vocabulary.id("unknown");
                    if (unknown != null) {
                        ids.add(unknown);
                    }
                    return;
                }
                ids.add(token);
            }
        }
    }

    /** Orders scores descending as ints ascending. */
    private static int priority(float score) {
        int bits = Float.floatToIntBits(score + 0f);
        return ~(bits ^ ((bits >> 31) & Integer.MAX_VALUE));
    }

    /** No spaces at the ends and single ones between. */
    private static String removeExtraSpaces(String text) {
        StringBuilder kept = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char letter = text.charAt(i);
            boolean extra =
                    letter == ' ' && (kept.isEmpty() || kept.charAt(kept.length() - 1) == ' ');
            if (!extra) {
                kept.append(letter);
            }
        }
        if (!kept.isEmpty() && kept.charAt(kept.length() - 1) == ' ') {
            kept.setLength(kept.length() - 1);
        }
        return kept.toString();
    }

    @Override
    public byte[] bytes(int id) {
        String token = vocabulary.token(id);
        return vocabulary.type(id) == TokenType.BYTE
                ? new byte[] {(byte) byteValue(token)}
                : token.replace((char) MARKED_SPACE, ' ').getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public boolean prefixesSpace() {
        return prefixesSpace;
    }

    @Override
    public boolean addsBosByDefault() {
        return true;
    }
}
