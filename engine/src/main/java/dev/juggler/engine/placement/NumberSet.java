package dev.juggler.engine.placement;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A set of layers or of experts as rules write it: numbers from 0 ({@code 3}), runs ({@code 0-2},
 * both ends included), {@code first:4}, {@code last:4}, {@code odd}, {@code even}, {@code all}, for
 * layers {@code moe} and {@code dense}; with commas, what is in any of them.
 */
public final class NumberSet {
    private static final Pattern RUN = Pattern.compile("(\\d{1,6})(?:\\s*-\\s*(\\d{1,6}))?");
    private static final Pattern END = Pattern.compile("(first|last):(\\d{1,6})");

    private final String text;
    private final List<Term> terms;

    /** One of the sets between commas. */
    @FunctionalInterface
    private interface Term {
        boolean contains(int number, int count, boolean moe);
    }

    private NumberSet(String text, List<Term> terms) {
        this.text = text;
        this.terms = List.copyOf(terms);
    }

    /**
     * Parses a set of layers.
     *
     * @throws IllegalArgumentException saying what it must be
     */
    public static NumberSet layers(String text) {
        return parse(text, true);
    }

    /**
     * Parses a set of experts.
     *
     * @throws IllegalArgumentException saying what it must be
     */
    public static NumberSet experts(String text) {
        return parse(text, false);
    }

    private static NumberSet parse(String text, boolean layers) {
        List<Term> terms = new ArrayList<>();
        for (String part : Pattern.compile(",").splitAsStream(text).toList()) {
            terms.add(term(part.strip(), layers));
        }
        return new NumberSet(text, terms);
    }

    private static Term term(String part, boolean layers) {
        Matcher run = RUN.matcher(part);
        if (run.matches()) {
            int from = Integer.parseInt(run.group(1));
            int to = run.group(2) == null ? from : Integer.parseInt(run.group(2));
            if (from <= to) {
                return (number, count, moe) -> number >= from && number <= to;
            }
        }
        Matcher end = END.matcher(part);
        if (end.matches() && Integer.parseInt(end.group(2)) > 0) {
            int length = Integer.parseInt(end.group(2));
            return end.group(1).equals("first")
                    ? (number, count, moe) -> number < length
                    : (number, count, moe) -> number >= count - length;
        }
        if (layers && part.equals("moe")) {
            return (number, count, moe) -> moe;
        }
        if (layers && part.equals("dense")) {
            return (number, count, moe) -> !moe;
        }
        return switch (part) {
            case "all" -> (number, count, moe) -> true;
            case "odd" -> (number, count, moe) -> number % 2 == 1;
            case "even" -> (number, count, moe) -> number % 2 == 0;
            default ->
                    throw new IllegalArgumentException(
                            "numbers (\"3\", \"0-2\"), \"first:N\", \"last:N\", \"odd\", \"even\", \"all\"%s, or several with commas; \"%s\" is none of these"
                                    .formatted(layers ? ", \"moe\", \"dense\"" : "", part));
        };
    }

    /**
     * Whether a number is in the set.
     *
     * @param number from 0
     * @param count how many layers or experts there are
     * @param moe whether the layer has routed experts
     */
    boolean contains(int number, int count, boolean moe) {
        return terms.stream().anyMatch(term -> term.contains(number, count, moe));
    }

    /** As it was written. */
    @Override
    public String toString() {
        return text;
    }
}
