package dev.juggler.engine.tokenizer;

import java.util.Arrays;

/**
 * Merges neighbouring symbols of a word, the best pair first, the leftmost of equals: the loop that
 * BPE and SentencePiece share. Pairs wait in a binary heap, so a word of n symbols takes n log n.
 * The arrays are kept for the next word; one thread at a time.
 */
final class MergeQueue {
    /** No such pair. */
    static final long NONE = Long.MAX_VALUE;

    /** Says what may be merged. */
    @FunctionalInterface
    interface Pairs {
        /**
         * The pair of the symbol from position {@code left} to {@code right} and the symbol from
         * {@code right} to {@code end}.
         *
         * @return {@link MergeQueue#pair} of its priority and the merged symbol, or {@link #NONE}
         */
        long find(int left, int right, int end);
    }

    /** The symbol that begins at a position; meaningful at positions that {@link #next} visits. */
    int[] symbol = new int[64];

    private int[] next = new int[64];
    private int[] previous = new int[64];
    private int[] priority = new int[64];
    private int[] merged = new int[64];
    private long[] heap = new long[192];
    private int waiting;

    /** A pair: the lower the priority, the sooner it is merged. */
    static long pair(int priority, int merged) {
        return ((long) priority << 32) | merged;
    }

    /** Makes room for the symbols of a word, which the caller then writes. */
    void prepare(int length) {
        if (length > symbol.length) {
            int capacity = Math.max(length, symbol.length * 2);
            symbol = new int[capacity];
            next = new int[capacity];
            previous = new int[capacity];
            priority = new int[capacity];
            merged = new int[capacity];
        }
    }

    /** Where the symbol after the one at this position begins; the length behind the last. */
    int next(int position) {
        return next[position];
    }

    /** Merges until no pair is left. */
    void merge(int length, Pairs pairs) {
        waiting = 0;
        for (int i = 0; i < length; i++) {
            previous[i] = i - 1;
            next[i] = i + 1;
        }
        for (int i = 0; i < length; i++) {
            propose(i, length, pairs);
        }
        while (waiting > 0) {
            long best = poll();
            int left = (int) best;
            // A pair that has changed since it was queued has been queued anew.
            if (merged[left] < 0 || priority[left] != (int) (best >> 32)) {
                continue;
            }
            int right = next[left];
            symbol[left] = merged[left];
            next[left] = next[right];
            merged[right] = -1;
            if (next[left] < length) {
                previous[next[left]] = left;
            }
            if (left > 0) {
                propose(previous[left], length, pairs);
            }
            propose(left, length, pairs);
        }
    }

    private void propose(int left, int length, Pairs pairs) {
        int right = next[left];
        long pair = right < length ? pairs.find(left, right, next[right]) : NONE;
        if (pair == NONE) {
            merged[left] = -1;
            return;
        }
        merged[left] = (int) pair;
        priority[left] = (int) (pair >> 32);
        offer((pair & 0xFFFF_FFFF_0000_0000L) | left);
    }

    private void offer(long element) {
        if (waiting == heap.length) {
            heap = Arrays.copyOf(heap, waiting * 2);
        }
        int at = waiting++;
        while (at > 0) {
            int parent = (at - 1) >>> 1;
            if (heap[parent] <= element) {
                break;
            }
            heap[at] = heap[parent];
            at = parent;
        }
        heap[at] = element;
    }

    private long poll() {
        long best = heap[0];
        long last = heap[--waiting];
        int at = 0;
        int child = 1;
        while (child < waiting) {
            if (child + 1 < waiting && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= last) {
                break;
            }
            heap[at] = heap[child];
            at = child;
            child = 2 * at + 1;
        }
        heap[at] = last;
        return best;
    }
}
