package dev.juggler.engine.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The spelling of bytes as printable characters that byte-level BPE vocabularies use since GPT-2:
 * visible Latin-1 characters stand for themselves, the other bytes for U+0100 and up.
 */
final class ByteAlphabet {
    private static final char[] LETTERS = new char[256];
    private static final short[] BYTES = new short[256 + 68];

    static {
        Arrays.fill(BYTES, (short) -1);
        char next = 256;
        for (int i = 0; i < 256; i++) {
            boolean visible = (i >= '!' && i <= '~') || (i >= 0xA1 && i <= 0xFF && i != 0xAD);
            LETTERS[i] = visible ? (char) i : next++;
            BYTES[LETTERS[i]] = (short) i;
        }
    }

    private ByteAlphabet() {}

    /** The character that spells a byte. */
    static char letter(int value) {
        return LETTERS[value & 0xFF];
    }

    /** The bytes that a token spells; characters outside the alphabet stand for their UTF-8. */
    static byte[] bytes(String spelled) {
        byte[] bytes = new byte[spelled.length()];
        for (int i = 0; i < bytes.length; i++) {
            char letter = spelled.charAt(i);
            if (letter >= BYTES.length || BYTES[letter] < 0) {
                return mixedBytes(spelled);
            }
            bytes[i] = (byte) BYTES[letter];
        }
        return bytes;
    }

    private static byte[] mixedBytes(String spelled) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        spelled.codePoints()
                .forEach(point -> {
                    if (point < BYTES.length && BYTES[point] >= 0) {
                        bytes.write(BYTES[point]);
                    } else {
                        bytes.writeBytes(
                                Character.toString(point).getBytes(StandardCharsets.UTF_8));
                    }
                });
        return bytes.toByteArray();
    }
}
