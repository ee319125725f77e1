package dev.juggler.launcher.terminal;

import java.util.ArrayList;
import java.util.List;

/** Rows of text with aligned columns; a column of numbers alone is aligned to the right. */
public final class TextTable {
    private final List<List<String>> rows = new ArrayList<>();
    private boolean headed;

    /** Names the columns; before all rows. */
    public TextTable header(Object... names) {
        headed = true;
        return row(names);
    }

    /** Appends a row; rows may differ in length. */
    public TextTable row(Object... cells) {
        List<String> row = new ArrayList<>();
        for (Object cell : cells) {
            row.add(String.valueOf(cell));
        }
        rows.add(row);
        return this;
    }

    /** The lines, each indented by two spaces, columns two spaces apart. */
    @Override
    public String toString() {
        int columns = rows.stream().mapToInt(List::size).max().orElse(0);
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < row.size(); i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        boolean[] numbers = numbers(columns);
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder(" ");
            for (int i = 0; i < row.size(); i++) {
                String cell = row.get(i);
                String padding = " ".repeat(widths[i] - cell.length());
                line.append(' ').append(numbers[i] ? padding + cell : cell + padding).append(' ');
            }
            text.append(line.toString().stripTrailing()).append(System.lineSeparator());
        }
        return text.toString();
    }

    private boolean[] numbers(int columns) {
        boolean[] numbers = new boolean[columns];
        for (int i = 1; i < columns; i++) {
            int column = i;
            numbers[i] =
                    rows.stream()
                            .skip(headed ? 1 : 0)
                            .filter(row -> row.size() > column)
                            .map(row -> row.get(column))
                            .allMatch(cell -> !cell.isEmpty() && Character.isDigit(cell.charAt(0)));
        }
        return numbers;
    }
}
