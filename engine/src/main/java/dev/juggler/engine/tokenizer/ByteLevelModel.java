package dev.juggler.engine.tokenizer;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Byte-level BPE ({@code tokenizer.ggml.model = gpt2}): text is cut into words, words into bytes,
 * and the pairs of the merge list joined, best rank first (Sennrich et al., <a
 * href="https://arxiv.org/abs/1508.07909">Neural Machine Translation of Rare Words with Subword
 * Units</a>). The tables are built when the first text comes: a model whose prompts are ids never
 * needs them.
 */
final class ByteLevelModel implements TokenModel {
    private final Vocabulary vocabulary;
    private final PreTokenizer preTokenizer;
    private volatile @Nullable BytePairs pairs;

    /** Most of a vocabulary's memory; released when the tables are built. */
    private @Nullable List<String> merges;

    ByteLevelModel(Vocabulary vocabulary, List<String> merges) {
        this.vocabulary = vocabulary;
        this.merges = merges;
        this.preTokenizer = PreTokenizers.named(vocabulary.preTokenizer());
    }

    private BytePairs pairs() {
        BytePairs built = pairs;
        if (built == null) {
            synchronized (this) {
                built = pairs;
                if (built == null) {
                    List<String> list = merges;
                    built = new BytePairs(vocabulary, list == null ? List.of() : list);
                    pairs = built;
                    merges = null;
                }
            }
        }
        return built;
    }

    @Override
    public void encode(String text, boolean afterBorder, IntList ids) {
        BytePairs table = pairs();
        int[] points = Utf8.codePoints(preTokenizer.composes() ? Composition.compose(text) : text);
        IntList words = preTokenizer.words(points);
        MergeQueue queue = new MergeQueue();
        byte[] bytes = new byte[256];
        int start = 0;
        for (int i = 0; i < words.size(); i++) {
            int end = words.get(i);
            int most = Math.multiplyExact(end - start, Utf8.MOST_BYTES);
            if (most > bytes.length) {
                bytes = new byte[Math.max(most, bytes.length * 2)];
            }
            int length = 0;
            for (int k = start; k < end; k++) {
                length = Utf8.write(points[k], bytes, length);
            }
            int whole = preTokenizer.prefersWholeWords() ? table.token(bytes, 0, length) : -1;
            if (whole >= 0) {
                ids.add(whole);
            } else {
                table.encode(bytes, length, queue, ids);
            }
            start = end;
        }
    }

    @Override
    public byte[] bytes(int id) {
        return ByteAlphabet.bytes(vocabulary.token(id));
    }

    @Override
    public boolean prefixesSpace() {
        return false;
    }

    @Override
    public boolean addsBosByDefault() {
        return preTokenizer.addsBos();
    }
}
