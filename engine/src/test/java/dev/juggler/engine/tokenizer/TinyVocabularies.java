package dev.juggler.engine.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Small vocabularies made here, for tests that must run without golden data. */
final class TinyVocabularies {
    private static final int NORMAL = TokenType.NORMAL.number();
    private static final int CONTROL = TokenType.CONTROL.number();
    private static final int USER_DEFINED = TokenType.USER_DEFINED.number();

    /** Merges of {@link #bytePairs}, best first, as pairs of plain texts. */
    private static final String[][] MERGES = {
        {"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {" ", "w"}, {"o", "r"}, {" w", "or"},
        {"l", "d"}, {" wor", "ld"}, {"a", "a"}, {"aa", "aa"}, {" ", " "}, {"1", "2"}, {"12", "3"}
    };

    private TinyVocabularies() {}

    /** The spelling of a text's UTF-8 in byte-level vocabularies. */
    static String spelled(String text) {
        StringBuilder spelled = new StringBuilder();
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            spelled.append(letter(value & 0xFF));
        }
        return spelled.toString();
    }

    private static char letter(int value) {
        int letter = 256;
        for (int i = 0; i < 256; i++) {
            boolean visible = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
            if (i == value) {
                return (char) (visible ? i : letter);
            }
            letter += visible ? 0 : 1;
        }
        throw new AssertionError(value);
    }

    /**
     * Ids 0-255 are the bytes, then the merges in order, then {@code <|begin|> <|im_end|> <think>
     * <|im_end|>!}, of which the third is user-defined and the others control tokens.
     */
    static Tokenizer bytePairs(String preTokenizer) {
        List<String> tokens = new ArrayList<>();
        for (int i = 0; i < 256; i++) {
            tokens.add(String.valueOf(letter(i)));
        }
        List<String> merges = new ArrayList<>();
        for (String[] merge : MERGES) {
            merges.add(spelled(merge[0]) + " " + spelled(merge[1]));
            tokens.add(spelled(merge[0] + merge[1]));
        }
        int words = tokens.size();
        tokens.addAll(List.of("<|begin|>", "<|im_end|>", "<think>", "<|im_end|>!"));
        int[] types = new int[tokens.size()];
        java.util.Arrays.fill(types, NORMAL);
        types[words] = CONTROL;
        types[words + 1] = CONTROL;
        types[words + 2] = USER_DEFINED;
        types[words + 3] = CONTROL;
        return new Tokenizer(
                new Vocabulary.Builder("gpt2", tokens)
                        .preTokenizer(preTokenizer)
                        .types(types)
                        .id("bos", words)
                        .id("eos", words + 1)
                        .flag("add_bos_token", true)
                        .build(),
                merges);
    }

    /** {@code <unk> <s> </s>}, the bytes, then pieces with falling scores. */
    static Vocabulary.Builder sentencePieces(String... pieces) {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        for (int i = 0; i < 256; i++) {
            tokens.add("<0x%02X>".formatted(i));
        }
        tokens.addAll(List.of(pieces));
        int[] types = new int[tokens.size()];
        float[] scores = new float[tokens.size()];
        for (int i = 0; i < types.length; i++) {
            types[i] =
                    i == 0
                            ? TokenType.UNKNOWN.number()
                            : i < 3 ? CONTROL : i < 259 ? TokenType.BYTE.number() : NORMAL;
            scores[i] = i < 259 ? 0 : -i;
        }
        return new Vocabulary.Builder("llama", tokens).types(types).scores(scores);
    }
}
