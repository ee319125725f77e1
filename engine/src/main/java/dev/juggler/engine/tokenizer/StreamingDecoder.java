package dev.juggler.engine.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Turns ids into text as they come. A character whose bytes are spread over several tokens appears
 * when its last byte is there, never in halves; bytes that cannot become a character appear as
 * U+FFFD. All parts together are what decoding all bytes at once would give. For one sequence and
 * one thread.
 */
public final class StreamingDecoder {
    private final Tokenizer tokenizer;
    private final CharsetDecoder utf8 =
            StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPLACE)
                    .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] pending = new byte[0];
    private boolean stripsSpace;

    StreamingDecoder(Tokenizer tokenizer, boolean stripsSpace) {
        this.tokenizer = tokenizer;
        this.stripsSpace = stripsSpace;
    }

    /**
     * The text that this token completes, often none; control tokens have none.
     *
     * @throws IllegalArgumentException if there is no such token
     */
    public String accept(int id) {
        if (tokenizer.type(id).isHidden()) {
            return "";
        }
        byte[] bytes = tokenizer.bytes(id);
        int start = 0;
        if (stripsSpace && bytes.length > 0) {
            start = bytes[0] == ' ' ? 1 : 0;
            stripsSpace = false;
        }
        return decode(bytes, start, false);
    }

    /** What is left: U+FFFD for an unfinished character. The decoder has then come to its end. */
    public String finish() {
        return decode(new byte[0], 0, true);
    }

    private String decode(byte[] bytes, int start, boolean last) {
        byte[] all = Arrays.copyOf(pending, pending.length + bytes.length - start);
        System.arraycopy(bytes, start, all, pending.length, bytes.length - start);
        ByteBuffer in = ByteBuffer.wrap(all);
        CharBuffer out = CharBuffer.allocate(all.length + 1);
        utf8.reset().decode(in, out, last);
        pending = Arrays.copyOfRange(all, in.position(), all.length);
        return out.flip().toString();
    }
}
