package dev.juggler.kernel;

/**
 * Extent of a tensor: {@code count} stacked matrices (experts) of {@code rows} x {@code columns},
 * row-major, columns innermost.
 */
public record Shape(int count, int rows, int columns) {
    public Shape {
        if (count < 0 || rows < 0 || columns <= 0) {
            throw new IllegalArgumentException(
                    "shape %d x %d x %d is not valid".formatted(count, rows, columns));
        }
    }

    /** A single matrix. */
    public static Shape matrix(int rows, int columns) {
        return new Shape(1, rows, columns);
    }

    /** Number of elements. */
    public long elements() {
        return Math.multiplyExact((long) count * rows, (long) columns);
    }

    @Override
    public String toString() {
        return count == 1
                ? "[%d, %d]".formatted(rows, columns)
                : "[%d, %d, %d]".formatted(count, rows, columns);
    }
}
