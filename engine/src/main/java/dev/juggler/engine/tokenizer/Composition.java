package dev.juggler.engine.tokenizer;

import java.text.Normalizer;

/**
 * Unicode normalization form C (<a href="https://www.unicode.org/reports/tr15/">UAX #15</a>), for
 * vocabularies that were trained on it.
 */
final class Composition {
    /** Below this nothing composes. */
    private static final int FIRST_AFFECTED = 0x300;

    /**
     * Sorting the marks on one letter takes the square of their number, so longer rows of marks are
     * normalized piece by piece. No language comes near; UAX #15 calls 30 enough for any text.
     */
    private static final int MOST_MARKS = 256;

    private Composition() {}

    static String compose(String text) {
        int i = 0;
        while (i < text.length() && text.charAt(i) < FIRST_AFFECTED) {
            i++;
        }
        if (i == text.length()) {
            return text;
        }
        StringBuilder composed = new StringBuilder(text.length());
        int piece = 0;
        int marks = 0;
        while (i < text.length()) {
            int point = text.codePointAt(i);
            marks = CharacterClass.MARK.contains(point) ? marks + 1 : 0;
            if (marks > MOST_MARKS) {
                composed.append(
                        Normalizer.normalize(text.substring(piece, i), Normalizer.Form.NFC));
                piece = i;
                marks = 1;
            }
            i += Character.charCount(point);
        }
        String rest = Normalizer.normalize(text.substring(piece), Normalizer.Form.NFC);
        return piece == 0 ? rest : composed.append(rest).toString();
    }
}
