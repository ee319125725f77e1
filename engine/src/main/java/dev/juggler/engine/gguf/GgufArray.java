package dev.juggler.engine.gguf;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * An array in the metadata: known to lie inside the file, decoded each time it is asked for, so
 * that opening a file does not pay for vocabularies nobody wants.
 */
final class GgufArray {
    private final HeaderReader header;
    private final GgufValueType element;
    private final int count;
    private final int start;
    private final int end;

    GgufArray(HeaderReader header, GgufValueType element, int count, int start, int end) {
        this.header = header;
        this.element = element;
        this.count = count;
        this.start = start;
        this.end = end;
    }

    GgufValueType element() {
        return element;
    }

    int count() {
        return count;
    }

    /** Elements of a string array. */
    List<String> strings() {
        byte[] bytes = header.copy(start, end);
        String[] texts = new String[count];
        int position = 0;
        for (int i = 0; i < count; i++) {
            int length =
                    (bytes[position] & 0xFF)
                            | ((bytes[position + 1] & 0xFF) << 8)
                            | ((bytes[position + 2] & 0xFF) << 16)
                            | (bytes[position + 3] << 24); // 64 MB at most: the rest is zero
            texts[i] = new String(bytes, position + 8, length, StandardCharsets.UTF_8);
            position += 8 + length;
        }
        return Collections.unmodifiableList(Arrays.asList(texts));
    }

    /** Element of a number or bool array, as {@link HeaderReader#value} gives it. */
    Object scalar(int index) {
        return header.scalar(element, offset(index));
    }

    int offset(int index) {
        return start + index * element.leastBytes();
    }

    /** All elements as plain Java objects; nested arrays as lists. */
    List<Object> toList() {
        if (element == GgufValueType.STRING) {
            return Collections.unmodifiableList(new ArrayList<Object>(strings()));
        }
        List<Object> elements = new ArrayList<>(count);
        HeaderReader nested = header.at(start);
        for (int i = 0; i < count; i++) {
            elements.add(
                    element == GgufValueType.ARRAY
                            ? ((GgufArray) nested.value(element, "a nested array")).toList()
                            : scalar(i));
        }
        return Collections.unmodifiableList(elements);
    }

    @Override
    public String toString() {
        return "array of %d %s".formatted(count, element);
    }
}
