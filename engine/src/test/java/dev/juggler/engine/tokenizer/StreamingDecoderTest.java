package dev.juggler.engine.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Text that comes token by token is the text that comes at once, never in half characters. */
class StreamingDecoderTest {
    /** Byte tokens: id i is byte i. */
    private final Tokenizer bytes = TinyVocabularies.bytePairs("gpt-2");

    private static String stream(StreamingDecoder decoder, int[] ids) {
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            String part = decoder.accept(id);
            if (!part.isEmpty()) {
                assertFalse(Character.isHighSurrogate(part.charAt(part.length() - 1)), part);
                assertFalse(Character.isLowSurrogate(part.charAt(0)), part);
            }
            text.append(part);
        }
        return text.append(decoder.finish()).toString();
    }

    private static int[] unsigned(byte[] values) {
        int[] ids = new int[values.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = values[i] & 0xFF;
        }
        return ids;
    }

    @Test
    void charactersAppearWithTheirLastByte() {
        StreamingDecoder decoder = bytes.decoder();
        assertEquals("", decoder.accept(0xF0));
        assertEquals("", decoder.accept(0x9F));
        assertEquals("", decoder.accept(0x98));
        assertEquals("\ud83d\ude00", decoder.accept(0x80));
        assertEquals("x", decoder.accept('x'));
        assertEquals("", decoder.accept(0xC3));
        assertEquals("\ufffd", decoder.finish());
    }

    @Test
    void everySplitOfATextGivesTheText() {
        String text = "a\u00e9\u4e2d\ud83d\ude00 \u0301\ud840\udc00z";
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        int cases = 0;
        for (int cut = 0; cut <= utf8.length; cut++) {
            for (int end = cut; end <= utf8.length; end++) {
                byte[] part = java.util.Arrays.copyOfRange(utf8, cut, end);
                assertEquals(
                        new String(part, StandardCharsets.UTF_8),
                        stream(bytes.decoder(), unsigned(part)));
                cases++;
            }
        }
        System.out.printf("streaming: %d parts of a text%n", cases);
    }

    @Test
    void brokenBytesBecomeWhatTheStandardDecoderMakesOfThem() {
        SplittableRandom random = new SplittableRandom(3);
        int[] interesting = {
            0xF0, 0x9F, 0x98, 0x80, 0xE2, 0x82, 0xC3, 0xED, 0xA0, 0xFF, 0xF4, 0x90
        };
        int cases = 20_000;
        for (int i = 0; i < cases; i++) {
            byte[] part = new byte[random.nextInt(12)];
            for (int k = 0; k < part.length; k++) {
                part[k] =
                        (byte)
                                (random.nextInt(3) == 0
                                        ? random.nextInt(256)
                                        : interesting[random.nextInt(interesting.length)]);
            }
            assertEquals(
                    new String(part, StandardCharsets.UTF_8),
                    stream(bytes.decoder(), unsigned(part)));
        }
        System.out.printf("streaming: %d broken texts%n", cases);
    }

    @Test
    void onlyTheFirstSpaceOfASequenceIsStripped() {
        Tokenizer tokenizer =
                new Tokenizer(
                        TinyVocabularies.sentencePieces("\u2581", "hi", "\u2581hi").build(),
                        List.of());
        int[] ids = tokenizer.encode("<s>hi hi", true);
        assertEquals("hi hi", stream(tokenizer.decoder(), ids));
        assertEquals(" hi hi", stream(tokenizer.continuationDecoder(), ids));
        assertEquals("hi", stream(tokenizer.decoder(), tokenizer.encode("hi", false)));
        assertEquals(" hi", stream(tokenizer.decoder(), tokenizer.encode(" hi", false)));
        assertEquals("", stream(tokenizer.decoder(), new int[] {0, 1, 2}));
    }
}
