package dev.juggler.engine.answer;

/** Beginnings of a text at the end of another. */
final class Prefixes {
    private Prefixes() {}

    /**
     * Length of the longest end of {@code text} that begins {@code wanted} and is not all of it.
     */
    static int atEnd(String text, String wanted) {
        for (int length = Math.min(text.length(), wanted.length() - 1); length > 0; length--) {
            if (text.regionMatches(text.length() - length, wanted, 0, length)) {
                return length;
            }
        }
        return 0;
    }
}
