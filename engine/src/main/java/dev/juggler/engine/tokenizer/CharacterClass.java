package dev.juggler.engine.tokenizer;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A set of code points, as a bracket expression of a regular expression writes it: Unicode general
 * categories, ranges, or what is in neither. One final class, so that the scanners' inner test is
 * never a virtual call.
 */
final class CharacterClass {
    /** Bit of {@link #traits} for {@code \s}: the Unicode property White_Space. */
    private static final int WHITE_SPACE = 1 << 31;

    static final CharacterClass UPPER = ofCategories(Character.UPPERCASE_LETTER);
    static final CharacterClass LOWER = ofCategories(Character.LOWERCASE_LETTER);
    static final CharacterClass TITLE = ofCategories(Character.TITLECASE_LETTER);

    /** Letters that have no case: {@code \p{Lm}\p{Lo}}. */
    static final CharacterClass CASELESS =
            ofCategories(Character.MODIFIER_LETTER, Character.OTHER_LETTER);

    /** {@code \p{L}}. */
    static final CharacterClass LETTER = UPPER.or(LOWER).or(TITLE).or(CASELESS);

    /** {@code \p{N}}. */
    static final CharacterClass NUMBER =
            ofCategories(
                    Character.DECIMAL_DIGIT_NUMBER,
                    Character.LETTER_NUMBER,
                    Character.OTHER_NUMBER);

    /** {@code \p{M}}. */
    static final CharacterClass MARK =
            ofCategories(
                    Character.NON_SPACING_MARK,
                    Character.ENCLOSING_MARK,
                    Character.COMBINING_SPACING_MARK);

    /** {@code \p{P}}. */
    static final CharacterClass PUNCTUATION =
            ofCategories(
                    Character.DASH_PUNCTUATION,
                    Character.START_PUNCTUATION,
                    Character.END_PUNCTUATION,
                    Character.CONNECTOR_PUNCTUATION,
                    Character.OTHER_PUNCTUATION,
                    Character.INITIAL_QUOTE_PUNCTUATION,
                    Character.FINAL_QUOTE_PUNCTUATION);

    /** {@code \p{S}}. */
    static final CharacterClass SYMBOL =
            ofCategories(
                    Character.MATH_SYMBOL,
                    Character.CURRENCY_SYMBOL,
                    Character.MODIFIER_SYMBOL,
                    Character.OTHER_SYMBOL);

    /** {@code \s}. */
    static final CharacterClass SPACE = new CharacterClass(WHITE_SPACE, new int[0], false, null);

    /** {@code [\r\n]}. */
    static final CharacterClass NEWLINE = of("\r\n");

    /** The space alone. */
    static final CharacterClass BLANK = of(" ");

    private final int traits;
    private final int[] ranges;
    private final boolean negated;
    private final @Nullable CharacterClass excluded;

    private CharacterClass(
            int traits, int[] ranges, boolean negated, @Nullable CharacterClass excluded) {
        this.traits = traits;
        this.ranges = ranges;
        this.negated = negated;
        this.excluded = excluded;
    }

    private static CharacterClass ofCategories(int... categories) {
        int traits = 0;
        for (int category : categories) {
            traits |= 1 << category;
        }
        return new CharacterClass(traits, new int[0], false, null);
    }

    /** Exactly these characters. */
    static CharacterClass of(String characters) {
        return ofRanges(
                characters.codePoints().sorted().flatMap(c -> IntStream.of(c, c)).toArray());
    }

    /** Code points from each first to the second of a pair, both included; ascending. */
    static CharacterClass ofRanges(int... firstsAndLasts) {
        return new CharacterClass(0, firstsAndLasts, false, null);
    }

    /** What is in this class or the other; neither negated. */
    CharacterClass or(CharacterClass other) {
        int[] both = Arrays.copyOf(ranges, ranges.length + other.ranges.length);
        System.arraycopy(other.ranges, 0, both, ranges.length, other.ranges.length);
        long[] pairs = new long[both.length / 2];
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] = ((long) both[2 * i] << 32) | both[2 * i + 1];
        }
        Arrays.sort(pairs);
        for (int i = 0; i < pairs.length; i++) {
            both[2 * i] = (int) (pairs[i] >> 32);
            both[2 * i + 1] = (int) pairs[i];
        }
        return new CharacterClass(traits | other.traits, both, false, null);
    }

    /** Everything that is not in this class. */
    CharacterClass negate() {
        return new CharacterClass(traits, ranges, !negated, excluded);
    }

    /** What is in this class but not in the other. */
    CharacterClass without(CharacterClass other) {
        return new CharacterClass(traits, ranges, negated, other);
    }

    boolean contains(int point) {
        boolean listed = (traits != 0 && (traitsOf(point) & traits) != 0) || inRanges(point);
        return listed != negated && (excluded == null || !excluded.contains(point));
    }

    private boolean inRanges(int point) {
        int low = 0;
        int high = ranges.length / 2;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ranges[2 * middle + 1] < point) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return 2 * low < ranges.length && ranges[2 * low] <= point;
    }

    private static int traitsOf(int point) {
        return (1 << Character.getType(point)) | (isWhiteSpace(point) ? WHITE_SPACE : 0);
    }

    /** Unicode's White_Space, which none of the methods of Character is. */
    static boolean isWhiteSpace(int point) {
        if (point <= 0x20) {
            return point == 0x20 || (point >= 0x09 && point <= 0x0D);
        }
        return switch (point) {
            case 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
            default -> point >= 0x2000 && point <= 0x200A;
        };
    }
}
