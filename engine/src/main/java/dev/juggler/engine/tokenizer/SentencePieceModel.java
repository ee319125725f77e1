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

    /** What encoding needs, built when the first text comes. */
    private record Tables(TextIndex pieces, IntList byteTokens) {}

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
        int[] byteTokens = new int[256];
        Arrays.fill(byteTokens, -1);
        for (int id = 0; id < vocabulary.size(); id++) {
            TokenType type = vocabulary.type(id);
            if (type == TokenType.BYTE) {
                int value = byteValue(vocabulary.token(id));
                byteTokens[value] = byteTokens[value] < 0 ? id : byteTokens[value];
            } else if (type != TokenType.CONTROL && type != TokenType.UNKNOWN) {
                byte[] text = vocabulary.token(id).getBytes(StandardCharsets.UTF_8);
                pieces.add(text, 0, text.length, id);
            }
        }
        IntList list = new IntList(256);
        for (int token : byteTokens) {
            list.add(token);
        }
        return new Tables(pieces, list);
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
        int[] points = Utf8.codePoints(removesExtraSpaces ? removeExtraSpaces(text) : text);
        boolean prefix = prefixesSpace && afterBorder && points.length > 0;
        byte[] bytes = new byte[Math.multiplyExact(points.length + 1, Utf8.MOST_BYTES)];
        int[] starts = new int[points.length + 2];
        int symbols = 0;
        int used = 0;
        if (prefix) {
            used = Utf8.write(MARKED_SPACE, bytes, used);
            starts[++symbols] = used;
        }
        for (int point : points) {
            used = Utf8.write(point == ' ' ? MARKED_SPACE : point, bytes, used);
            starts[++symbols] = used;
        }
        merge(table, bytes, starts, symbols, ids);
    }

    /**
     * @param starts where the symbols begin in the bytes; one more: the end of the last
     */
    private void merge(Tables table, byte[] bytes, int[] starts, int symbols, IntList ids) {
        MergeQueue queue = new MergeQueue();
        queue.prepare(symbols);
        int[] symbol = queue.symbol;
        for (int i = 0; i < symbols; i++) {
            symbol[i] = table.pieces.find(bytes, starts[i], starts[i + 1]);
        }
        queue.merge(
                symbols,
                (left, right, end) -> {
                    int piece = table.pieces.find(bytes, starts[left], starts[end]);
                    return piece < 0
                            ? MergeQueue.NONE
                            : MergeQueue.pair(priority(scores[piece]), piece);
                });
        for (int i = 0; i < symbols; i = queue.next(i)) {
            if (symbol[i] >= 0) {
                ids.add(symbol[i]);
            } else {
                spell(table, bytes, starts[i], starts[queue.next(i)], ids);
            }
        }
    }

    private void spell(Tables table, byte[] bytes, int start, int end, IntList ids) {
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
