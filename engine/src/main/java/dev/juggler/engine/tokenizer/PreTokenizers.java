package dev.juggler.engine.tokenizer;

import static dev.juggler.engine.tokenizer.CharacterClass.BLANK;
import static dev.juggler.engine.tokenizer.CharacterClass.CASELESS;
import static dev.juggler.engine.tokenizer.CharacterClass.LETTER;
import static dev.juggler.engine.tokenizer.CharacterClass.LOWER;
import static dev.juggler.engine.tokenizer.CharacterClass.MARK;
import static dev.juggler.engine.tokenizer.CharacterClass.NEWLINE;
import static dev.juggler.engine.tokenizer.CharacterClass.NUMBER;
import static dev.juggler.engine.tokenizer.CharacterClass.PUNCTUATION;
import static dev.juggler.engine.tokenizer.CharacterClass.SPACE;
import static dev.juggler.engine.tokenizer.CharacterClass.SYMBOL;
import static dev.juggler.engine.tokenizer.CharacterClass.TITLE;
import static dev.juggler.engine.tokenizer.CharacterClass.UPPER;
import static dev.juggler.engine.tokenizer.Rules.after;
import static dev.juggler.engine.tokenizer.Rules.contraction;
import static dev.juggler.engine.tokenizer.Rules.contractionAnyCase;
import static dev.juggler.engine.tokenizer.Rules.exactly;
import static dev.juggler.engine.tokenizer.Rules.firstOf;
import static dev.juggler.engine.tokenizer.Rules.lineBreaks;
import static dev.juggler.engine.tokenizer.Rules.many;
import static dev.juggler.engine.tokenizer.Rules.optional;
import static dev.juggler.engine.tokenizer.Rules.spaces;
import static dev.juggler.engine.tokenizer.Rules.then;
import static dev.juggler.engine.tokenizer.Rules.thenMaybe;
import static dev.juggler.engine.tokenizer.Rules.upTo;
import static dev.juggler.engine.tokenizer.Stage.isolate;

/**
 * The pre-tokenizers by the names that {@code tokenizer.ggml.pre} uses. The regular expressions are
 * those of the models' own tokenizer.json files.
 */
final class PreTokenizers {
    private static final CharacterClass NO_TEXT = SPACE.or(LETTER).or(NUMBER).negate();
    private static final CharacterClass NO_WORD = NEWLINE.or(LETTER).or(NUMBER).negate();

    private PreTokenizers() {}

    /**
     * The pre-tokenizer of a name.
     *
     * @throws TokenizerException if the name is unknown: a guess would give wrong ids silently
     */
    static PreTokenizer named(String name) {
        return switch (name) {
            case "default" -> unnamed();
            case "gpt-2",
                    "phi-2",
                    "mellum",
                    "gigachat",
                    "a.x-4.0",
                    "exaone4",
                    "jais",
                    "trillion",
                    "granite-docling" ->
                    new PreTokenizer(gpt2());
            case "olmo", "mpt" -> new PreTokenizer(gpt2()).composing();
            case "starcoder", "refact", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2" ->
                    new PreTokenizer(singleDigits(), gpt2());
            case "command-r" -> new PreTokenizer(singleDigits(), gpt2()).composing();
            case "falcon" -> falcon();
            case "qwen2", "deepseek-r1-qwen" -> new PreTokenizer(words(LETTER, 1)).composing();
            case "qwen35" -> new PreTokenizer(words(LETTER.or(MARK), 1)).composing();
            case "megrez",
                    "kormo",
                    "stablelm2",
                    "hunyuan",
                    "solar-open",
                    "grok-2",
                    "bailingmoe",
                    "bailingmoe2",
                    "llada-moe" ->
                    new PreTokenizer(words(LETTER, 1));
            case "dbrx", "smaug-bpe", "glm4", "chatglm-bpe" -> new PreTokenizer(words(LETTER, 3));
            case "llama-bpe",
                    "llama3",
                    "llama-v3",
                    "falcon3",
                    "falcon-h1",
                    "pixtral",
                    "midm-2.0",
                    "lfm2" ->
                    new PreTokenizer(words(LETTER, 3)).preferringWholeWords().addingBos();
            case "seed-coder" -> seedCoder();
            case "gpt-4o", "llama4", "kanana2", "minimax-m2" -> new PreTokenizer(o200k());
            case "tekken" -> new PreTokenizer(tekken()).preferringWholeWords().addingBos();
            case "kimi-k2" -> new PreTokenizer(kimi());
            case "deepseek-llm" -> deepseekLlm();
            case "deepseek-coder" -> deepseekCoder();
            case "deepseek-v3", "hunyuan-dense", "joyai-llm" -> deepseekV3();
            case "bloom", "gpt3-finnish", "poro-chat" -> new PreTokenizer(bloom());
            case "viking" -> new PreTokenizer(bloom(), singleDigits());
            default ->
                    throw new TokenizerException(
                            "pre-tokenizer \"%s\" (tokenizer.ggml.pre) is not supported: convert the model with a name that is, or use another model"
                                    .formatted(name));
        };
    }

    /** What a file without a name is taken for, as older converters meant it. */
    private static PreTokenizer unnamed() {
        return new PreTokenizer(
                isolate(many(PUNCTUATION.or(CharacterClass.of("$+<=>^~|")))),
                gpt2(),
                isolate(many(NUMBER)),
                threeDigits());
    }

    /** {@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}. */
    private static Stage gpt2() {
        return isolate(
                firstOf(
                        contraction(),
                        optional(BLANK, many(LETTER)),
                        optional(BLANK, many(NUMBER)),
                        optional(BLANK, many(NO_TEXT)),
                        spaces()));
    }

    private static Stage singleDigits() {
        return isolate(upTo(1, NUMBER));
    }

    private static Stage threeDigits() {
        return isolate(exactly(3, CharacterClass.ofRanges('0', '9')));
    }

    private static PreTokenizer falcon() {
        return new PreTokenizer(
                isolate(many(PUNCTUATION.or(CharacterClass.of("$+<=>^~|`")))),
                gpt2(),
                threeDigits());
    }

    /**
     * The pattern of cl100k and its many heirs: {@code
     * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
     * ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+}, with {@code letters} for {@code \p{L}}
     * (some count marks as letters).
     */
    private static Stage words(CharacterClass letters, int digits) {
        CharacterClass symbols = SPACE.or(letters).or(NUMBER).negate();
        return isolate(
                firstOf(
                        contractionAnyCase(),
                        optional(NO_WORD, many(letters)),
                        upTo(digits, NUMBER),
                        then(optional(BLANK, many(symbols)), NEWLINE),
                        lineBreaks(),
                        spaces()));
    }

    /** The pattern above with one digit, but line breaks do not stick to symbols. */
    private static PreTokenizer seedCoder() {
        return new PreTokenizer(
                isolate(
                        firstOf(
                                contractionAnyCase(),
                                optional(NO_WORD, many(LETTER)),
                                upTo(1, NUMBER),
                                optional(BLANK, many(NO_TEXT)),
                                lineBreaks(),
                                spaces())));
    }

    /** Words begin where lower case turns to upper: gpt-4o and gpt-oss. */
    private static Stage o200k() {
        return isolate(
                firstOf(
                        thenMaybe(casedWord(CharacterClass.of("")), contractionAnyCase()),
                        upTo(3, NUMBER),
                        then(optional(BLANK, many(NO_TEXT)), CharacterClass.of("\r\n/")),
                        lineBreaks(),
                        spaces()));
    }

    /** As o200k, with single digits and without contractions: Mistral. */
    private static Stage tekken() {
        return isolate(
                firstOf(
                        casedWord(CharacterClass.of("")),
                        upTo(1, NUMBER),
                        then(optional(BLANK, many(NO_TEXT)), CharacterClass.of("\r\n/")),
                        lineBreaks(),
                        spaces()));
    }

    /** As o200k, with runs of Chinese characters for themselves. */
    private static Stage kimi() {
        CharacterClass han = han();
        return isolate(
                firstOf(
                        many(han),
                        thenMaybe(casedWord(han), contractionAnyCase()),
                        upTo(3, NUMBER),
                        then(optional(BLANK, many(NO_TEXT)), NEWLINE),
                        lineBreaks(),
                        spaces()));
    }

    /**
     * {@code [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|...}, see
     * {@link Rules#casedWord}.
     */
    private static Rule casedWord(CharacterClass excluded) {
        CharacterClass both = CASELESS.or(MARK);
        return Rules.casedWord(
                NO_WORD,
                UPPER.or(TITLE).or(both).without(excluded),
                LOWER.or(both).without(excluded));
    }

    private static PreTokenizer deepseekLlm() {
        CharacterClass symbols =
                CharacterClass.ofRanges(
                        '!', '/', ':', '~', 0x2018, 0x201F, 0x3000, 0x3002, 0xFF01, 0xFF0F, 0xFF1A,
                        0xFF5E);
        return new PreTokenizer(
                isolate(upTo(1, NEWLINE)),
                isolate(optional(SPACE, many(oldCasedLetters()))),
                isolate(optional(SPACE, many(symbols))),
                Stage.isolateTrailingSpace(),
                isolate(many(asianLetters())),
                isolate(many(NUMBER)));
    }

    private static PreTokenizer deepseekCoder() {
        return new PreTokenizer(
                isolate(upTo(1, NEWLINE)),
                isolate(optional(SPACE, many(LETTER))),
                isolate(optional(SPACE, many(PUNCTUATION))),
                isolate(many(asianLetters())),
                singleDigits());
    }

    private static PreTokenizer deepseekV3() {
        CharacterClass symbols = PUNCTUATION.or(SYMBOL);
        CharacterClass asciiSymbols =
                CharacterClass.ofRanges('!', '/', ':', '@', '[', '`', '{', '~');
        CharacterClass asciiLetters = CharacterClass.ofRanges('A', 'Z', 'a', 'z');
        CharacterClass noWord = NEWLINE.or(LETTER).or(symbols).negate();
        return new PreTokenizer(
                isolate(upTo(3, NUMBER)),
                isolate(many(CharacterClass.ofRanges(0x3040, 0x30FF, 0x4E00, 0x9FA5))),
                isolate(
                        firstOf(
                                after(asciiSymbols, many(asciiLetters)),
                                optional(noWord, many(LETTER.or(MARK))),
                                then(optional(BLANK, many(symbols)), NEWLINE),
                                lineBreaks(),
                                spaces())));
    }

    /** {@code ?[^(\s|.,!?…。，、।۔،)]+}: parentheses and bar are in the brackets. */
    private static Stage bloom() {
        CharacterClass stops = SPACE.or(CharacterClass.of("(|.,!?…。，、।۔،)"));
        return isolate(optional(BLANK, many(stops.negate())));
    }

    /** The letters that the older DeepSeek tokenizers list; Chinese, Japanese, Korean and more. */
    private static CharacterClass asianLetters() {
        return CharacterClass.ofRanges(0x0800, 0x9FA5, 0xAC00, 0xD7FF);
    }

    /**
     * The letters with case that deepseek-llm lists one by one: all but small Armenian, Georgian
     * but its capitals, mathematical letters, and the scripts that Unicode took up later.
     */
    private static CharacterClass oldCasedLetters() {
        return UPPER.or(LOWER)
                .or(TITLE)
                .without(
                        CharacterClass.ofRanges(
                                0x0560, 0x0588, 0x10C7, 0x10FF, 0x1C80, 0x1C8F, 0x2D00, 0x2D2D,
                                0xA790, 0xA7FF, 0xAB30, 0xAB6F, 0x10570, 0x105BF, 0x10D50, 0x10D8F,
                                0x16E40, 0x1DFFF));
    }

    /** {@code \p{Han}}, the script. */
    private static CharacterClass han() {
        return CharacterClass.ofRanges(
                0x2E80, 0x2E99, 0x2E9B, 0x2EF3, 0x2F00, 0x2FD5, 0x3005, 0x3005, 0x3007, 0x3007,
                0x3021, 0x3029, 0x3038, 0x303B, 0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xF900, 0xFA6D,
                0xFA70, 0xFAD9, 0x16FE2, 0x16FE3, 0x16FF0, 0x16FF1, 0x20000, 0x2A6DF, 0x2A700,
                0x2B739, 0x2B740, 0x2B81D, 0x2B820, 0x2CEA1, 0x2CEB0, 0x2EBE0, 0x2EBF0, 0x2EE5D,
                0x2F800, 0x2FA1D, 0x30000, 0x3134A, 0x31350, 0x323AF);
    }
}
