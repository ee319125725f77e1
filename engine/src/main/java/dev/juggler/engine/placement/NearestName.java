package dev.juggler.engine.placement;

import java.util.Collection;
import java.util.Comparator;

/** Guesses what was meant by a name that is not known. */
final class NearestName {
    private NearestName() {}

    /** {@code "; did you mean X?"} where a known name is near, else the known names. */
    static String hint(String given, Collection<String> known) {
        return known.stream()
                .filter(name -> edits(given, name) <= Math.max(1, given.length() / 3))
                .filter(name -> edits(given, name) < given.length())
                .min(Comparator.comparingInt((String name) -> edits(given, name)))
                .map("; did you mean %s?"::formatted)
                .orElseGet(() -> "; known are " + String.join(", ", known));
    }

    /** How many letters must be changed, added or removed (Levenshtein). */
    private static int edits(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
