package dev.juggler.engine.sampling;

import dev.juggler.inference.InferenceException;
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
    /** The logits; {@link TokenSampler} changes them in place. */
    final float[] logits;

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
        seen = new int[vocabularySize];
        candidates = new Candidates(vocabularySize);
        nucleus = new Nucleus(vocabularySize);
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
        float max = Float.NEGATIVE_INFINITY;
        for (float logit : raw) {
            max = Math.max(max, logit);
        }
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
     * The token with the largest logit; the lowest id among equals.
     *
     * @throws InferenceException if a logit is NaN or infinitely large, or none is a number
     */
    int checkedLargest() {
        int best = largest();
        float max = logits[best];
        if (Float.isNaN(max) || Float.isInfinite(max)) {
            throw new InferenceException(
                    InferenceException.Kind.INTERNAL,
                    "the model computed logits that are no numbers (largest: %s); the file may be"
                                    .formatted(max)
                            + " damaged, or a kernel is wrong: try another backend or exact = true");
        }
        return best;
    }

    /** Likewise, of logits that may all be infinitely small; one that is NaN counts as largest. */
    int largest() {
        int best = 0;
        float max = Float.NEGATIVE_INFINITY;
        for (int id = 0; id < logits.length; id++) {
            if (!(logits[id] <= max)) { // larger, or NaN, which stays
                best = id;
                max = logits[id];
                if (Float.isNaN(max)) {
                    break;
                }
            }
        }
        return best;
    }

    /**
     * Puts the keys of the {@code count} largest of {@code values} into {@code keys[0 .. count)},
     * the largest first. A heap of the best so far: most values are compared with the worst of them
     * only.
     */
    void selectLargest(float[] values, int count) {
        if (count == 0) {
            return;
        }
        for (int id = 0; id < count; id++) {
            keys[id] = key(values[id], id);
        }
        for (int parent = count / 2 - 1; parent >= 0; parent--) {
            siftDown(parent, count);
        }
        for (int id = count; id < values.length; id++) {
            long key = key(values[id], id);
            if (key > keys[0]) {
                keys[0] = key;
                siftDown(0, count);
            }
        }
        sortKeys(0, count);
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

    /** 1 if {@code key >= least}, else 0, without a branch. */
    static int reaches(long key, long least) {
        return 1 + (int) ((key - least) >> 63);
    }

    /** The token of a key. */
    static int id(long key) {
        return ~(int) key & Integer.MAX_VALUE;
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
