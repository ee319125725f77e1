package dev.juggler.engine.tokenizer;

import java.util.Arrays;

/** A growing list of ints without boxes. */
final class IntList {
    private int[] elements;
    private int size;

    IntList(int capacity) {
        elements = new int[Math.max(16, capacity)];
    }

    int size() {
        return size;
    }

    int get(int index) {
        return elements[index];
    }

    void add(int element) {
        if (size == elements.length) {
            elements = Arrays.copyOf(elements, Math.multiplyExact(size, 2));
        }
        elements[size++] = element;
    }

    void clear() {
        size = 0;
    }

    int[] toArray() {
        return Arrays.copyOf(elements, size);
    }
}
