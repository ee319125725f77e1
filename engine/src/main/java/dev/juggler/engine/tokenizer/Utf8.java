package dev.juggler.engine.tokenizer;

/** Text as code points and as UTF-8, for input that may be broken. */
final class Utf8 {
    /** What takes the place of a surrogate that stands alone. */
    static final int REPLACEMENT = 0xFFFD;

    /** The most bytes one code point takes. */
    static final int MOST_BYTES = 4;

    private Utf8() {}

    /** The code points of a text; a surrogate without its other half becomes U+FFFD. */
    static int[] codePoints(String text) {
        int[] points = new int[text.codePointCount(0, text.length())];
        int count = 0;
        for (int i = 0; i < text.length(); i += Character.charCount(points[count++])) {
            int point = text.codePointAt(i);
            points[count] =
                    point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE
                            ? REPLACEMENT
                            : point;
        }
        return points;
    }

    /**
     * Writes a code point.
     *
     * @return the index behind it
     */
    static int write(int point, byte[] bytes, int at) {
        int next = at;
        if (point < 0x80) {
            bytes[next++] = (byte) point;
        } else if (point < 0x800) {
            bytes[next++] = (byte) (0xC0 | (point >> 6));
            bytes[next++] = (byte) (0x80 | (point & 0x3F));
        } else if (point < 0x10000) {
            bytes[next++] = (byte) (0xE0 | (point >> 12));
            bytes[next++] = (byte) (0x80 | ((point >> 6) & 0x3F));
            bytes[next++] = (byte) (0x80 | (point & 0x3F));
        } else {
            bytes[next++] = (byte) (0xF0 | (point >> 18));
            bytes[next++] = (byte) (0x80 | ((point >> 12) & 0x3F));
            bytes[next++] = (byte) (0x80 | ((point >> 6) & 0x3F));
            bytes[next++] = (byte) (0x80 | (point & 0x3F));
        }
        return next;
    }
}
