package dev.juggler.engine.tokenizer;

import java.util.Arrays;

/** The merges of a BPE vocabulary: pair of symbols to rank and merged symbol. */
final class PairTable {
    private static final long FREE = -1;

    private final long[] keys;
    private final int[] ranks;
    private final int[] merged;

    /**
     * @param merges the number of pairs it will hold; ranks are below it
     */
    PairTable(int merges) {
        int slots = Math.max(16, Integer.highestOneBit(Math.max(1, merges)) * 4);
        keys = new long[slots];
        Arrays.fill(keys, FREE);
        ranks = new int[slots];
        merged = new int[merges];
    }

    /** Adds a pair unless it is there already: the first rank counts. */
    void add(int left, int right, int rank, int result) {
        long key = key(left, right);
        int slot = slot(key);
        if (keys[slot] == FREE) {
            keys[slot] = key;
            ranks[slot] = rank;
            merged[rank] = result;
        }
    }

    /** {@link MergeQueue#pair} of rank and merged symbol, or {@link MergeQueue#NONE}. */
    long find(int left, int right) {
        long key = key(left, right);
        int slot = slot(key);
        return keys[slot] == FREE
                ? MergeQueue.NONE
                : MergeQueue.pair(ranks[slot], merged[ranks[slot]]);
    }

    private static long key(int left, int right) {
        return ((long) left << 32) | right;
    }

    private int slot(long key) {
        long product = key * 0x9E3779B97F4A7C15L;
        int slot = (int) (product >>> 32) & (keys.length - 1);
        while (keys[slot] != FREE && keys[slot] != key) {
            slot = (slot + 1) & (keys.length - 1);
        }
        return slot;
    }
}
