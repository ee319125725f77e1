package dev.juggler.engine.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * The tables that byte-level BPE encodes with: the symbol of each byte, the symbol of each text,
 * the merges. Symbols below the vocabulary's size are token ids. A merge may pass through a text
 * that is no token; such a text gets a symbol of its own and is spelled in bytes at the end.
 */
final class BytePairs {
    private final int tokens;
    private final TextIndex symbols;
    private final int[] byteSymbols = new int[256];
    private final PairTable pairs;
    private int nextSymbol;

    /** Only used while the tables are built. */
    private byte[] scratch = new byte[256];

    BytePairs(Vocabulary vocabulary, List<String> merges) {
        tokens = vocabulary.size();
        nextSymbol = tokens;
        symbols = new TextIndex(tokens);
        // Literals come last, so that a text that is spelled twice means the ordinary token.
        addTokens(vocabulary, false);
        addTokens(vocabulary, true);
        byte[] single = new byte[1];
        for (int i = 0; i < 256; i++) {
            single[0] = (byte) i;
            byteSymbols[i] = symbol(single, 0, 1);
        }
        pairs = new PairTable(merges.size());
        for (int rank = 0; rank < merges.size(); rank++) {
            addMerge(merges.get(rank), rank);
        }
    }

    private void addTokens(Vocabulary vocabulary, boolean userDefined) {
        for (int id = 0; id < tokens; id++) {
            TokenType type = vocabulary.type(id);
            boolean wanted = userDefined ? type == TokenType.USER_DEFINED : !type.isLiteral();
            if (wanted) {
                String token = vocabulary.token(id);
                int length = decode(token, 0, token.length(), 0);
                symbols.add(scratch, 0, length, id);
            }
        }
    }

    private void addMerge(String merge, int rank) {
        int space = merge.indexOf(' ', 1);
        if (space < 0 || space == merge.length() - 1) {
            throw new TokenizerException(
                    "merge %d in tokenizer.ggml.merges is \"%s\", expected two texts with a space between"
                            .formatted(rank, merge));
        }
        int border = decode(merge, 0, space, 0);
        int end = decode(merge, space + 1, merge.length(), border);
        int left = symbol(scratch, 0, border);
        int right = symbol(scratch, border, end);
        pairs.add(left, right, rank, symbol(scratch, 0, end));
    }

    private int decode(String spelled, int start, int end, int at) {
        int most = at + (end - start) * ByteAlphabet.MOST_BYTES;
        if (most > scratch.length) {
            scratch = Arrays.copyOf(scratch, most * 2);
        }
        return ByteAlphabet.decode(spelled, start, end, scratch, at);
    }

    /** The symbol of a text, a new one if it has none. */
    private int symbol(byte[] bytes, int start, int end) {
        int symbol = symbols.find(bytes, start, end);
        if (symbol == TextIndex.ABSENT) {
            symbol = nextSymbol++;
            symbols.add(bytes, start, end, symbol);
        }
        return symbol;
    }

    /** The token of a text, or a negative number. */
    int token(byte[] bytes, int start, int end) {
        int symbol = symbols.find(bytes, start, end);
        return symbol < tokens ? symbol : TextIndex.ABSENT;
    }

    /** Appends the ids of a word. Bytes that the vocabulary lacks are left out. */
    void encode(byte[] bytes, int length, MergeQueue queue, IntList ids) {
        queue.prepare(length);
        int[] symbol = queue.symbol;
        for (int i = 0; i < length; i++) {
            symbol[i] = byteSymbols[bytes[i] & 0xFF];
        }
        queue.merge(length, (left, right, end) -> pairs.find(symbol[left], symbol[right]));
        for (int i = 0; i < length; i = queue.next(i)) {
            if (symbol[i] < tokens) {
                ids.add(symbol[i]);
                continue;
            }
            for (int k = i; k < queue.next(i); k++) {
                int single = byteSymbols[bytes[k] & 0xFF];
                if (single < tokens) {
                    ids.add(single);
                }
            }
        }
    }
}
