package dev.juggler.launcher.command;

import java.util.function.UnaryOperator;

/**
 * What a user of {@code juggler chat} has typed: one line, or several between triple quotes or
 * joined by a backslash at the end of each but the last.
 *
 * @param text without what held the lines together
 * @param quoted whether it stood between triple quotes, so that it is text whatever it begins with
 */
record TypedMessage(String text, boolean quoted) {
    private static final String QUOTES = "\"\"\"";
    private static final String FIRST = "> ";
    private static final String FURTHER = ". ";

    /**
     * Reads lines until a message is complete.
     *
     * @param lines reads a line, which itself may hold line breaks, after showing this prompt
     */
    static TypedMessage read(UnaryOperator<String> lines) {
        String line = lines.apply(FIRST);
        if (line.stripLeading().startsWith(QUOTES)) {
            String rest = line.stripLeading().substring(QUOTES.length());
            return new TypedMessage(untilQuotes(rest, lines), true);
        }
        StringBuilder text = new StringBuilder();
        while (line.stripTrailing().endsWith("\\")) {
            String ended = line.stripTrailing();
            text.append(ended, 0, ended.length() - 1).append('\n');
            line = lines.apply(FURTHER);
        }
        return new TypedMessage(text.append(line).toString().strip(), false);
    }

    /** Keeps spaces at the start of lines: they matter in code. */
    private static String untilQuotes(String first, UnaryOperator<String> lines) {
        StringBuilder text = new StringBuilder();
        String line = first;
        while (!line.stripTrailing().endsWith(QUOTES)) {
            text.append(line).append('\n');
            line = lines.apply(FURTHER);
        }
        String last = line.stripTrailing();
        text.append(last, 0, last.length() - QUOTES.length());
        return text.toString().replaceFirst("^\\s*\\n", "").stripTrailing();
    }
}
