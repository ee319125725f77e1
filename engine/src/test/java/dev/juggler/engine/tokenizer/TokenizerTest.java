package dev.juggler.engine.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What tokenizers do with vocabularies small enough to check by hand. */
class TokenizerTest {
    private static final String[] PRE_TOKENIZERS = {
        "default",
        "gpt-2",
        "starcoder",
        "falcon",
        "llama-bpe",
        "gpt-4o",
        "tekken",
        "kimi-k2",
        "deepseek-llm",
        "deepseek-coder",
        "deepseek-v3",
        "bloom",
        "viking",
        "seed-coder"
    };

    private final Tokenizer bytePairs = TinyVocabularies.bytePairs("gpt-2");

    private static String pieces(Tokenizer tokenizer, int[] ids) {
        List<String> pieces = new ArrayList<>();
        for (int id : ids) {
            pieces.add(tokenizer.piece(id));
        }
        return String.join("|", pieces);
    }

    @Test
    void mergesBestPairsFirstAndLeftmostOfEquals() {
        assertEquals("hello| world", pieces(bytePairs, bytePairs.encode("hello world", false)));
        assertEquals("aaaa|aa|a", pieces(bytePairs, bytePairs.encode("aaaaaaa", false)));
        assertEquals("123|12|4", pieces(bytePairs, bytePairs.encode("123124", false)));
    }

    @Test
    void wholeWordsComeBeforeMerges() {
        // "ld" is a token, but not by the merges from "l" and "d" of "lld".
        Tokenizer tokenizer =
                new Tokenizer(
                        new Vocabulary.Builder("gpt2", List.of("a", "b", "c", "ab", "abc"))
                                .preTokenizer("llama-bpe")
                                .build(),
                        List.of("b c", "a b"));
        assertEquals("abc", pieces(tokenizer, tokenizer.encode("abc", false)));
        Tokenizer byMerges =
                new Tokenizer(
                        new Vocabulary.Builder("gpt2", List.of("a", "b", "c", "ab", "abc"))
                                .preTokenizer("gpt-2")
                                .build(),
                        List.of("b c", "a b"));
        // "bc" is no token: it is spelled in bytes.
        assertEquals("a|b|c", pieces(byMerges, byMerges.encode("abc", false)));
    }

    @Test
    void specialTokensAreMatchedLongestFirst() {
        String text = "hello<|im_end|>!<|im_end|><think><|im_end|";
        assertEquals(
                "hello|<|im_end|>!|<|im_end|>|<think>|<|||i|m|_|e|n|d||",
                pieces(bytePairs, bytePairs.encode(text, true)));
        int[] untrusted = bytePairs.encode(text, false);
        assertTrue(Arrays.stream(untrusted).noneMatch(bytePairs::isControl));
        assertTrue(pieces(bytePairs, untrusted).contains("|<think>|"));
        assertEquals(text, new String(bytePairs.allBytes(untrusted), StandardCharsets.UTF_8));
    }

    @Test
    void bosComesOnce() {
        Integer bos = bytePairs.special("<|begin|>");
        assertEquals(bos, bytePairs.bos());
        assertEquals("<|begin|>|hello", pieces(bytePairs, bytePairs.encodeWithBos("hello", true)));
        assertEquals(
                "<|begin|>|hello",
                pieces(bytePairs, bytePairs.encodeWithBos("<|begin|>hello", true)));
        assertEquals("<|begin|>", pieces(bytePairs, bytePairs.encodeWithBos("", true)));
        assertEquals("hello", bytePairs.decode(bytePairs.encodeWithBos("hello", true)));
    }

    @Test
    void knownMarkersEndGeneration() {
        assertEquals(Set.of(bytePairs.special("<|im_end|>")), bytePairs.endOfGeneration());
        assertNull(bytePairs.special("hello"));
    }

    @Test
    void harmonyMessagesEndWithoutEndingTheTurn() {
        Tokenizer tokenizer =
                new Tokenizer(
                        new Vocabulary.Builder("gpt2", List.of("<|end|>", "<|return|>", "<|call|>"))
                                .types(new int[] {3, 3, 3})
                                .id("eos", 1)
                                .build(),
                        List.of());
        assertEquals(Set.of(1, 2), tokenizer.endOfGeneration());
    }

    @Test
    void ordinaryTokensThatLookSpecialAreNot() {
        Tokenizer tokenizer =
                new Tokenizer(
                        new Vocabulary.Builder("gpt2", List.of("<", "/", "s", ">", "</s>")).build(),
                        List.of());
        assertEquals("<|/|s|>", pieces(tokenizer, tokenizer.encode("</s>", true)));
        assertEquals(Set.of(), tokenizer.endOfGeneration());
    }

    @Test
    void sentencePiecePrefixesASpaceAndSpellsBytes() {
        Tokenizer tokenizer =
                new Tokenizer(
                        TinyVocabularies.sentencePieces("\u2581", "h", "i", "hi", "\u2581hi")
                                .build(),
                        List.of());
        assertEquals(" hi", pieces(tokenizer, tokenizer.encode("hi", false)));
        assertEquals("hi", tokenizer.decode(tokenizer.encode("hi", false)));
        assertEquals(" hi| hi", pieces(tokenizer, tokenizer.encode("hi hi", false)));
        assertEquals("<s>| hi|</s>| hi", pieces(tokenizer, tokenizer.encode("<s>hi</s>hi", true)));
        int[] bytes = tokenizer.encode("\u00e9", false);
        assertArrayEquals(new int[] {259, 3 + 0xC3, 3 + 0xA9}, bytes);
        assertEquals("\u00e9", tokenizer.decode(bytes));
        assertArrayEquals(new int[] {1}, tokenizer.encodeWithBos("", false));
        assertArrayEquals(new int[0], tokenizer.encode("", false));
    }

    @Test
    void sentencePieceKeepsSpacesUnlessToldOtherwise() {
        String[] pieces = {"\u2581", "a", "\u2581\u2581"};
        Tokenizer plain =
                new Tokenizer(
                        TinyVocabularies.sentencePieces(pieces)
                                .flag("add_space_prefix", false)
                                .build(),
                        List.of());
        assertEquals("  |a| ", pieces(plain, plain.encode("  a ", false)));
        assertEquals("  a ", plain.decode(plain.encode("  a ", false)));
        Tokenizer squeezing =
                new Tokenizer(
                        TinyVocabularies.sentencePieces(pieces)
                                .flag("remove_extra_whitespaces", true)
                                .build(),
                        List.of());
        assertEquals(" |a| |a", pieces(squeezing, squeezing.encode("  a   a ", false)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"gpt-2", "llama-bpe", "gpt-4o", "deepseek-llm", "deepseek-v3", "viking"})
    void byteLevelTextComesBack(String preTokenizer) {
        Tokenizer tokenizer = TinyVocabularies.bytePairs(preTokenizer);
        SplittableRandom random = new SplittableRandom(7);
        int texts = 5_000;
        for (int i = 0; i < texts; i++) {
            String text = randomText(random);
            assertEquals(text, tokenizer.decode(tokenizer.encode(text, false)));
        }
        System.out.printf("round trip %s: %d random texts%n", preTokenizer, texts);
    }

    private static String randomText(SplittableRandom random) {
        StringBuilder text = new StringBuilder();
        for (int k = random.nextInt(40); k > 0; k--) {
            int range =
                    switch (random.nextInt(4)) {
                        case 0 -> 0x80;
                        case 1 -> 0x800;
                        case 2 -> 0xD800;
                        default -> 0x110000;
                    };
            int point = random.nextInt(range);
            text.appendCodePoint(Character.getType(point) == Character.SURROGATE ? 'a' : point);
        }
        return text.toString();
    }

    @Test
    void loneSurrogatesBecomeReplacementCharacters() {
        for (String text : List.of("\ud800", "a\udc00b", "\udc00\ud800", "x\ud83d")) {
            String expected = text.replaceAll("[^ab x]", "\ufffd");
            assertEquals(expected, bytePairs.decode(bytePairs.encode(text, true)), expected);
        }
    }

    @Test
    void normalizationComposesAndSurvivesAbsurdMarks() {
        Tokenizer tokenizer = TinyVocabularies.bytePairs("qwen2");
        assertEquals(
                "\u00e9 \u1e69",
                tokenizer.decode(tokenizer.encode("e\u0301 s\u0307\u0323", false)));
        String marks = "a" + "\u0301\u0323".repeat(200_000);
        int[] ids = assertTimeout(Duration.ofSeconds(10), () -> tokenizer.encode(marks, false));
        assertEquals(marks.length(), tokenizer.decode(ids).length(), 2);
    }

    @Test
    void adversarialTextIsTokenizedInTime() {
        // A quadratic step shows at the smaller size too; not everything needs a megabyte.
        for (String name : PRE_TOKENIZERS) {
            checkTimes(name, TinyVocabularies.bytePairs(name), 1 << 17);
        }
        checkTimes("gpt-4o", TinyVocabularies.bytePairs("gpt-4o"), 1 << 20);
        String[] pieces = {"a", "aa", "aaaa", "\u2581", "\u2581\u2581"};
        checkTimes(
                "SentencePiece",
                new Tokenizer(TinyVocabularies.sentencePieces(pieces).build(), List.of()),
                1 << 20);
    }

    private static void checkTimes(String name, Tokenizer tokenizer, int length) {
        Map<String, String> texts = new LinkedHashMap<>();
        for (String unit :
                List.of(
                        "a",
                        "A",
                        "aA",
                        " ",
                        "\n",
                        " \n",
                        "\t ",
                        "7",
                        "!",
                        "'s",
                        "<",
                        "<|im_",
                        "\0",
                        "\u0301",
                        "a\u0301",
                        "\u4e2d",
                        "\u1112\u1161",
                        "\ud83d\ude00",
                        "\ud800")) {
            texts.put("repeated " + unit, unit.repeat(length / unit.length()));
        }
        texts.put("spaces and a word", " ".repeat(length) + "x");
        texts.put("caseless before capitals", "\u4e2d" + "A".repeat(length));
        long slowest = 0;
        for (Map.Entry<String, String> text : texts.entrySet()) {
            long start = System.nanoTime();
            int[] ids =
                    assertTimeout(
                            Duration.ofSeconds(20),
                            () -> tokenizer.encode(text.getValue(), true),
                            () -> name + " " + text.getKey());
            slowest = Math.max(slowest, System.nanoTime() - start);
            assertFalse(ids.length == 0);
        }
        System.out.printf(
                "adversarial %s: %d texts of %d characters, slowest %d ms%n",
                name, texts.size(), length, slowest / 1_000_000);
    }

    @Test
    void manyThreadsGetTheSameIds() throws Exception {
        Tokenizer fresh = TinyVocabularies.bytePairs("gpt-2");
        String text = "hello world 123 aaaa <think>".repeat(50);
        int[] expected = bytePairs.encode(text, true);
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<int[]>> answers = new ArrayList<>();
            for (int i = 0; i < 64; i++) {
                answers.add(threads.submit(() -> fresh.encode(text, true)));
            }
            for (Future<int[]> answer : answers) {
                assertArrayEquals(expected, answer.get());
            }
        }
    }

    @Test
    void brokenVocabulariesAreRefusedByName() {
        refused("\"bert\"", () -> new Tokenizer(builder("bert").build(), List.of()));
        refused(
                "\"nonesuch\"",
                () -> new Tokenizer(builder("gpt2").preTokenizer("nonesuch").build(), List.of()));
        refused("tokenizer.ggml.scores", () -> new Tokenizer(builder("llama").build(), List.of()));
        refused("tokenizer.ggml.token_type", () -> builder("gpt2").types(new int[1]).build());
        refused("tokenizer.ggml.eos_token_id is 2", () -> builder("gpt2").id("eos", 2).build());
        refused("is empty", () -> new Vocabulary.Builder("gpt2", List.of()).build());
        refused(
                "bos_token_id is missing",
                () ->
                        new Tokenizer(
                                builder("gpt2").flag("add_bos_token", true).build(), List.of()));
        Tokenizer badMerge = new Tokenizer(builder("gpt2").build(), List.of("ab"));
        refused("merge 0", () -> badMerge.encode("a", false));
        assertThrows(IllegalArgumentException.class, () -> bytePairs.bytes(-1));
        assertThrows(IllegalArgumentException.class, () -> bytePairs.piece(1_000_000));
    }

    private static Vocabulary.Builder builder(String model) {
        return new Vocabulary.Builder(model, List.of("a", "b"));
    }

    private static void refused(String part, org.junit.jupiter.api.function.Executable action) {
        String message =
                String.valueOf(assertThrows(TokenizerException.class, action).getMessage());
        assertTrue(message.contains(part), message);
    }
}
