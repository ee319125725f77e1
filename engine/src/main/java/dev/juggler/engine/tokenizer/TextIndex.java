package dev.juggler.engine.tokenizer;

import java.util.Arrays;

/**
 * Finds the number of a byte string: an open-addressed hash table over one block of bytes, a tenth
 * of the memory that a map of strings takes. Immutable once filled.
 */
final class TextIndex {
    /** Not in the index. */
    static final int ABSENT = -1;

    private byte[] bytes;
    private int used;

    /** Where the text of an entry ends; it begins where the one before ends. */
    private int[] ends;

    private int[] numbers;
    private int entries;
    private int longest;

    /** The hash of an entry's text above its number: most others are told apart without looking. */
    private long[] slots;

    TextIndex(int expected) {
        bytes = new byte[Math.max(64, expected * 8)];
        ends = new int[Math.max(16, expected)];
        numbers = new int[Math.max(16, expected)];
        slots = new long[Math.max(64, Integer.highestOneBit(Math.max(1, expected)) * 4)];
        Arrays.fill(slots, ABSENT);
    }

    /** The length of the longest text. */
    int longest() {
        return longest;
    }

    /** Adds a text unless it is there already; the first of equals stays. */
    void add(byte[] source, int start, int end, int number) {
        int hash = hash(source, start, end);
        int slot = slot(hash, source, start, end);
        if (slots[slot] != ABSENT) {
            return;
        }
        int length = end - start;
        if (used + length > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(used + length, bytes.length * 2));
        }
        System.arraycopy(source, start, bytes, used, length);
        used += length;
        if (entries == ends.length) {
            ends = Arrays.copyOf(ends, entries * 2);
            numbers = Arrays.copyOf(numbers, entries * 2);
        }
        ends[entries] = used;
        numbers[entries] = number;
        slots[slot] = ((long) hash << 32) | entries++;
        longest = Math.max(longest, length);
        if (entries * 2 > slots.length) {
            rehash();
        }
    }

    /** The number of a text, or {@link #ABSENT}. */
    int find(byte[] source, int start, int end) {
        if (end - start > longest) {
            return ABSENT;
        }
        long found = slots[slot(hash(source, start, end), source, start, end)];
        return found == ABSENT ? ABSENT : numbers[(int) found];
    }

    /** The slot that holds the text, or the free one where it would go. */
    private int slot(int hash, byte[] source, int start, int end) {
        int slot = hash & (slots.length - 1);
        while (slots[slot] != ABSENT) {
            int entry = (int) slots[slot];
            if ((int) (slots[slot] >> 32) == hash) {
                int from = entry == 0 ? 0 : ends[entry - 1];
                if (Arrays.equals(bytes, from, ends[entry], source, start, end)) {
                    break;
                }
            }
            slot = (slot + 1) & (slots.length - 1);
        }
        return slot;
    }

    private void rehash() {
        long[] old = slots;
        slots = new long[old.length * 2];
        Arrays.fill(slots, ABSENT);
        for (long kept : old) {
            if (kept != ABSENT) {
                int slot = (int) (kept >> 32) & (slots.length - 1);
                while (slots[slot] != ABSENT) {
                    slot = (slot + 1) & (slots.length - 1);
                }
                slots[slot] = kept;
            }
        }
    }

    private static int hash(byte[] source, int start, int end) {
        int hash = end - start;
        for (int i = start; i < end; i++) {
            hash = hash * 0x01000193 + source[i];
        }
        // Spreads the high bits over the low ones, which choose the slot.
        int mixed = (hash ^ (hash >>> 16)) * 0x85EBCA6B;
        return mixed ^ (mixed >>> 13);
    }
}
