package dev.juggler.engine.text;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Guesses what was meant by a name that is not known. */
public final class Suggestions {
    private Suggestions() {}

    /** {@code "; did you mean PREFIXNAME?"}, or which names there are, where no guess is near. */
    public static String sentence(String given, Collection<String> known, String prefix) {
        return nearest(given, known)
                .map(name -> "; did you mean " + prefix + name + "?")
                .orElseGet(() ->
                        known.isEmpty()
                                ? ""
                                : "; known are "
                                        + String.join(", ", known.stream().sorted().toList()));
    }

    /** The known name with the fewest edits, if they are few for its length. */
    public static Optional<String> nearest(String given, Collection<String> known) {
        return known.stream()
                .filter(name -> distance(given, name) <= Math.max(2, given.length() / 3))
                .filter(name -> distance(given, name) < given.length())
                .min(Comparator.comparingInt(name -> distance(given, name)));
    }

    /** Levenshtein distance. */
    static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
