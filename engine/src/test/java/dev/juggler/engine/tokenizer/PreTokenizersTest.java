package dev.juggler.engine.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The scanners cut like the regular expressions that they stand for. */
class PreTokenizersTest {
    private static final String GPT2 =
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    private static final String CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private static final String BREAKS = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String CASED =
            "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+%1$s"
                    + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*%1$s|";

    private static final Map<String, List<String>> EXPRESSIONS =
            Map.ofEntries(
                    Map.entry("gpt-2", List.of(GPT2)),
                    Map.entry(
                            "default",
                            List.of("[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]")),
                    Map.entry("falcon", List.of("[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]")),
                    Map.entry("starcoder", List.of("\\p{N}", GPT2)),
                    Map.entry("llama-bpe", List.of(words("\\p{L}", "{1,3}"))),
                    Map.entry("qwen2", List.of(words("\\p{L}", "{1}"))),
                    Map.entry("qwen35", List.of(words("\\p{L}\\p{M}", "{1}"))),
                    Map.entry(
                            "seed-coder",
                            List.of(
                                    CONTRACTION
                                            + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|"
                                            + BREAKS)),
                    Map.entry(
                            "bailingmoe",
                            List.of(
                                    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+")),
                    Map.entry(
                            "gpt-4o",
                            List.of(
                                    CASED.formatted(CONTRACTION + "?")
                                            + "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
                                            + BREAKS)),
                    Map.entry(
                            "tekken",
                            List.of(
                                    CASED.formatted("")
                                            + "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
                                            + BREAKS)),
                    Map.entry(
                            "kimi-k2",
                            List.of(
                                    "\\p{IsHan}+|"
                                            + CASED.formatted(CONTRACTION + "?")
                                                    .replace("\\p{M}]", "\\p{M}&&[^\\p{IsHan}]]")
                                            + "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                                            + BREAKS)),
                    Map.entry(
                            "deepseek-coder",
                            List.of(
                                    "[\\r\\n]",
                                    "\\s?\\p{L}+",
                                    "\\s?\\p{P}+",
                                    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
                                    "\\p{N}")),
                    Map.entry(
                            "deepseek-v3",
                            List.of(
                                    "\\p{N}{1,3}",
                                    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                                    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
                                            + BREAKS)),
                    Map.entry(
                            "deepseek-llm",
                            List.of(
                                    "[\\r\\n]",
                                    "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01c4-\u0293\u0370-\u0373\u0386\u03a3-\u03f5\u03f7-\u0481\u1e00-\u1f15\ufb00-\ufb06\uff21-\uff3a]+",
                                    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                                    "\\s+\\z",
                                    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
                                    "\\p{N}+")),
                    Map.entry("viking", List.of(" ?[^(\\s|.,!?…。，、।۔،)]+", "\\p{N}")));

    private static String words(String letters, String digits) {
        return "%s|[^\\r\\n\\p{L}\\p{N}]?[%s]+|\\p{N}%s| ?[^\\s%s\\p{N}]+[\\r\\n]*|%s"
                .formatted(CONTRACTION, letters, digits, letters, BREAKS);
    }

    static List<String> names() {
        return List.copyOf(EXPRESSIONS.keySet());
    }

    /** Characters on either side of every border that the expressions draw. */
    private static final String[] CHARACTERS = {
        " ",
        " ",
        " ",
        "\t",
        "\n",
        "\n",
        "\r",
        "\u000b",
        "\u0085",
        "\u00a0",
        "\u2003",
        "\u3000",
        "a",
        "b",
        "s",
        "t",
        "l",
        "L",
        "d",
        "r",
        "e",
        "E",
        "v",
        "m",
        "S",
        "T",
        "A",
        "Z",
        "\u017f",
        "\u00e4",
        "\u00c4",
        "\u03a9",
        "\u01c5",
        "\u02b0",
        "\u0301",
        "\u0327",
        "\u093e",
        "\u20dd",
        "\u4e2d",
        "\u6587",
        "\u3042",
        "\u30ab",
        "\u0e01",
        "\ud55c",
        "\u05d0",
        "\ud840\udc00",
        "\u3005",
        "\u3007",
        "0",
        "1",
        "7",
        "9",
        "\u0663",
        "\u00bd",
        "\u2167",
        "\ud835\udfce",
        "'",
        "'",
        "'",
        "\u2019",
        ".",
        ",",
        "!",
        "(",
        "|",
        "/",
        "-",
        "_",
        "$",
        "+",
        "<",
        "=",
        "^",
        "`",
        "~",
        "\"",
        "\u20ac",
        "\u00a9",
        "\u3002",
        "\uff0c",
        "\uff5e",
        "\ud83d\ude00",
        "\u200d",
        "\ufe0f",
        "\u0000",
        "\ufffd",
        "\ue000"
    };

    @ParameterizedTest
    @MethodSource("names")
    void cutsLikeTheRegularExpression(String name) {
        PreTokenizer preTokenizer = PreTokenizers.named(name);
        List<Pattern> patterns =
                EXPRESSIONS.getOrDefault(name, List.of()).stream()
                        .map(expression ->
                                Pattern.compile(
                                        expression,
                                        Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNICODE_CASE))
                        .toList();
        SplittableRandom random = new SplittableRandom(42);
        int texts = 20_000;
        for (int i = 0; i < texts; i++) {
            StringBuilder text = new StringBuilder();
            int narrow = 1 + random.nextInt(CHARACTERS.length);
            int offset = random.nextInt(CHARACTERS.length);
            for (int k = random.nextInt(16); k >= 0; k--) {
                text.append(CHARACTERS[(offset + random.nextInt(narrow)) % CHARACTERS.length]);
            }
            String sample = text.toString();
            assertEquals(matches(patterns, sample), words(preTokenizer, sample), sample);
        }
        System.out.printf("pre-tokenizer %s: %d texts cut as by regex%n", name, texts);
    }

    private static List<String> matches(List<Pattern> patterns, String text) {
        List<String> pieces = List.of(text);
        for (Pattern pattern : patterns) {
            List<String> finer = new ArrayList<>();
            for (String piece : pieces) {
                Matcher matcher = pattern.matcher(piece);
                int end = 0;
                while (matcher.find()) {
                    if (end < matcher.start()) {
                        finer.add(piece.substring(end, matcher.start()));
                    }
                    finer.add(matcher.group());
                    end = matcher.end();
                }
                if (end < piece.length()) {
                    finer.add(piece.substring(end));
                }
            }
            pieces = finer;
        }
        return pieces;
    }

    private static List<String> words(PreTokenizer preTokenizer, String text) {
        int[] points = Utf8.codePoints(text);
        IntList ends = preTokenizer.words(points);
        List<String> words = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < ends.size(); i++) {
            words.add(new String(points, start, ends.get(i) - start));
            start = ends.get(i);
        }
        return words;
    }

    @Test
    void unknownNamesAreRefused() {
        TokenizerException refused =
                assertThrows(TokenizerException.class, () -> PreTokenizers.named("made-up"));
        assertTrue(String.valueOf(refused.getMessage()).contains("\"made-up\""));
    }
}
