package dev.juggler.engine.tokenizer;

import java.util.Arrays;

/**
 * The spelling of bytes as printable characters that byte-level BPE vocabularies use since GPT-2:
 * visible Latin-1 characters stand for themselves, the other bytes for U+0100 and up.
 */
final class ByteAlphabet {
    /** The most bytes that a character of a token stands for. */
    static final int MOST_BYTES = 3;

    private static final short[] BYTES = new short[256 + 68];

    static {
        Arrays.fill(BYTES, (short) -1);
        int next = 256;
        for (int i = 0; i < 256; i++) {
            boolean visible = (i >= '!' && i <= '~') || (i >= 0xA1 && i <= 0xFF && i != 0xAD);
            BYTES[visible ? i : next++] = (short) i;
        }
    }

    private ByteAlphabet() {}

    /** The bytes that a token spells; characters outside the alphabet stand for their UTF-8. */
    static byte[] bytes(String spelled) {
        byte[] bytes = new byte[spelled.length() * MOST_BYTES];
        return Arrays.copyOf(bytes, decode(spelled, 0, spelled.length(), bytes, 0));
    }

    /**
     * Writes the bytes that a part of a text spells.
     *
     * @param to room for {@link #MOST_BYTES} bytes a character
     * @return the index behind the last byte
     */
    static int decode(String spelled, int start, int end, byte[] to, int at) {
        int next = at;
        for (int i = start; i < end; i++) {
            char letter = spelled.charAt(i);
            if (letter < BYTES.length && BYTES[letter] >= 0) {
                to[next++] = (byte) BYTES[letter];
            } else {
                int point = spelled.codePointAt(i);
                next = Utf8.write(point, to, next);
                i += Character.charCount(point) - 1;
            }
        }
        return next;
    }
}
