package dev.juggler.engine.sampling;

import dev.juggler.kernel.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One row of logits and the scratch memory to choose from it. One for all sequences of a model,
 * because rows are sampled one after the other; allocated once.
 */
public final class LogitRow {
    /** Tokens of a block, of which it is known how large its largest logit is. */
    static final int BLOCK = 1024;

    /** No token's key is lower. */
    static final long LEAST_KEY = key(Float.NEGATIVE_INFINITY, Integer.MAX_VALUE);

    /** The logits; {@link TokenSampler} changes them in place. */
    final float[] logits;

    /** The largest logit of each block, as {@link #largest} found it. */
    final float[] maxima;

    /** Times each token was seen; all zero between uses. */
    final int[] seen;

    /** Tokens that are left after the filters. */
    final Candidates candidates;

    /** Tokens as sortable keys, see {@link #key}. */
    final long[] keys;

    /** Applies top-p. */
    final Nucleus nucleus;

    private final float[] raw;
    private @Nullable MemorySegment staging;

    /**
     * @param vocabularySize logits of a row
     */
    public LogitRow(int vocabularySize) {
        logits = new float[vocabularySize];
        maxima = new float[Math.ceilDiv(vocabularySize, BLOCK)];
        seen = new int[vocabularySize];
        candidates = new Candidates(vocabularySize);
        nucleus = new Nucleus();
        keys = new long[vocabularySize];
        raw = new float[vocabularySize];
    }

    /** Logits of a row. */
    public int vocabularySize() {
        return logits.length;
    }

    /** Takes these logits. */
    public void load(float[] source) {
        System.arraycopy(source, 0, logits, 0, logits.length);
    }

    /**
     * Takes row {@code row} of logits F32 [rows, vocabularySize] on any device, waiting until they
     * are computed.
     */
    public void load(Tensor tensor, int row) {
        if (tensor.columns() != logits.length) {
            throw new IllegalArgumentException(
                    "logits %s are not of a vocabulary of %d"
                            .formatted(tensor.shape(), logits.length));
        }
        long offset = tensor.offset() + row * tensor.rowBytes();
        if (tensor.buffer().host() != null) {
            tensor.buffer().read(offset, MemorySegment.ofArray(logits));
            return;
        }
        if (staging == null) { // a device may be able to copy to native memory only
            staging = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, logits.length);
        }
        tensor.buffer().read(offset, staging);
        MemorySegment.copy(staging, ValueLayout.JAVA_FLOAT, 0, logits, 0, logits.length);
    }

    /** Remembers the logits as they are now for {@link #logprobs}. */
    public void keep() {
        System.arraycopy(logits, 0, raw, 0, logits.length);
    }

    /**
     * Log probabilities by the logits that {@link #keep} remembered.
     *
     * @param chosen the token chosen
     * @param top how many of the most probable tokens to report, at most the vocabulary
     */
    public TokenLogprobs logprobs(int chosen, int top) {
        float max = raw[largest(raw)];
        candidates.weighAll(raw, max, 1);
        double logSum = max + Math.log(candidates.total());
        int[] ids = new int[top];
        double[] values = new double[top];
        selectLargest(raw, top);
        for (int i = 0; i < top; i++) {
            ids[i] = id(keys[i]);
            values[i] = raw[ids[i]] - logSum;
        }
        return new TokenLogprobs(chosen, raw[chosen] - logSum, ids, values);
    }

    /**
     * The token with the largest logit; the lowest id among equals. A logit that is NaN counts as
     * largest.
     */
    int largest() {
        return largest(logits);
    }

    /** Likewise of these values, and leaves their {@link #maxima}, if none is NaN. */
    private int largest(float[] values) {
        float max = Float.NEGATIVE_INFINITY;
        int best = 0;
        for (int block = 0; block < maxima.length && !Float.isNaN(max); block++) {
            int from = block * BLOCK;
            float maximum = maximum(values, from, Math.min(values.length, from + BLOCK));
            maxima[block] = maximum;
            if (!(maximum <= max)) { // larger, or NaN
                max = maximum;
                best = from;
            }
        }
        while (values[best] < max || Float.isNaN(values[best]) != Float.isNaN(max)) {
            best++;
        }
        return best;
    }

    /** Four at a time, since the compiler makes one chain of maximums of one reduction. */
    private static float maximum(float[] values, int from, int to) {
        float max = Float.NEGATIVE_INFINITY;
        int quarter = (to - from) / 4;
        for (int i = from; i < from + quarter; i++) {
            float first = Math.max(values[i], values[i + quarter]);
            float second = Math.max(values[i + 2 * quarter], values[i + 3 * quarter]);
            max = Math.max(max, Math.max(first, second));
        }
        for (int i = from + 4 * quarter; i < to; i++) {
            max = Math.max(max, values[i]);
        }
        return max;
    }

    /**
     * Puts the keys of the {@code count} largest of {@code values}, whose maxima are known, into
     * {@code keys[0 .. count)}, the largest first. A heap of the best so far: most values are
     * compared with the worst of them only, and most blocks hold none that is better.
     */
    void selectLargest(float[] values, int count) {
        if (count == 0) {
            return;
        }
        float least = Float.NEGATIVE_INFINITY;
        if (count <= maxima.length) { // so many values at least are as large as the last of these
            keepLargest(maxima, 0, maxima.length, 0, count, least);
            least = logit(keys[0]);
        }
        int kept = 0;
        for (int block = 0; block < maxima.length; block++) {
            if (maxima[block] >= least) {
                int from = block * BLOCK;
                int to = Math.min(values.length, from + BLOCK);
                kept = keepLargest(values, from, to, kept, count, least);
                least = kept == count ? logit(keys[0]) : least;
            }
        }
        sortKeys(0, count);
    }

    /**
     * Adds of the values {@code from <= id < to} those that are not below {@code least} to the
     * {@code kept} keys, of which {@code count} are a heap. Returns how many there are then.
     */
    private int keepLargest(float[] values, int from, int to, int kept, int count, float least) {
        for (int id = from; id < to; id++) {
            if (values[id] >= least) {
                long key = key(values[id], id);
                if (kept < count) {
                    keys[kept++] = key;
                    if (kept == count) {
                        makeHeap(count);
                    }
                } else if (key > keys[0]) {
                    keys[0] = key;
                    siftDown(0, count);
                    least = logit(keys[0]);
                }
            }
        }
        return kept;
    }

    /** Sorts a range of keys, the largest first. */
    void sortKeys(int from, int to) {
        Arrays.sort(keys, from, to);
        for (int low = from, high = to - 1; low < high; low++, high--) {
            long swapped = keys[low];
            keys[low] = keys[high];
            keys[high] = swapped;
        }
    }

    /**
     * A number that is larger for a larger logit and, among equals, for a lower id. It has 63 bits,
     * so that differences do not overflow.
     */
    static long key(float logit, int id) {
        int bits = Float.floatToRawIntBits(logit + 0f); // -0 becomes 0: they are equal
        int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
        return ((long) ordered << 31) | (~id & Integer.MAX_VALUE);
    }

    /** The logit of a key. */
    static float logit(long key) {
        int ordered = (int) (key >> 31);
        return Float.intBitsToFloat(ordered ^ ((ordered >> 31) & Integer.MAX_VALUE));
    }

    /** The token of a key. */
    static int id(long key) {
        return ~(int) key & Integer.MAX_VALUE;
    }

    private void makeHeap(int count) {
        for (int parent = count / 2 - 1; parent >= 0; parent--) {
            siftDown(parent, count);
        }
    }

    private void siftDown(int index, int count) {
        long moved = keys[index];
        int parent = index;
        for (int child = 2 * parent + 1; child < count; child = 2 * parent + 1) {
            if (child + 1 < count && keys[child + 1] < keys[child]) {
                child++;
            }
            if (keys[child] >= moved) {
                break;
            }
            keys[parent] = keys[child];
            parent = child;
        }
        keys[parent] = moved;
    }
}
