package dev.juggler.launcher.terminal;

/** Text on lines of a limited width, beside a label. */
public final class Paragraph {
    private Paragraph() {}

    /**
     * Breaks a text between words.
     *
     * @param label stands before the first line
     * @param indent where the text begins on all lines, in characters from the left
     * @param width most characters of a line; a word that is longer stays whole
     * @return lines, each with its end
     */
    public static String of(String label, String text, int indent, int width) {
        StringBuilder lines = new StringBuilder();
        StringBuilder line = new StringBuilder(label);
        line.repeat(' ', Math.max(0, indent - label.length()));
        boolean empty = true;
        for (String word : text.strip().split("\\s+", -1)) {
            if (!empty && line.length() + 1 + word.length() > width) {
                lines.append(line).append(System.lineSeparator());
                line = new StringBuilder().repeat(' ', indent);
                empty = true;
            }
            line.append(empty ? "" : " ").append(word);
            empty = false;
        }
        return lines.append(line).append(System.lineSeparator()).toString();
    }
}
