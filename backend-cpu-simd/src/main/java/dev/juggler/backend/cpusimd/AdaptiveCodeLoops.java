package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;

/** Each loop in the form that is faster at the moment; see {@link WarmSwitch}. */
final class AdaptiveCodeLoops implements CodeLoops {
    private final CodeLoops scalar;
    private final CodeLoops vector;
    private final Map<CodeFormat, WarmSwitch> fills = switches();
    private final Map<CodeFormat, WarmSwitch> singles = switches();
    private final Map<CodeFormat, WarmSwitch> tiles = switches();
    private final Map<CodeFormat, WarmSwitch> fews = switches();

    AdaptiveCodeLoops(CodeLoops vector) {
        this.vector = vector;
        scalar = new ScalarCodeLoops(vector.height());
    }

    private static Map<CodeFormat, WarmSwitch> switches() {
        Map<CodeFormat, WarmSwitch> switches = new EnumMap<>(CodeFormat.class);
        for (CodeFormat format : CodeFormat.values()) {
            switches.put(format, new WarmSwitch());
        }
        return switches;
    }

    private static WarmSwitch of(Map<CodeFormat, WarmSwitch> switches, CodeFormat format) {
        WarmSwitch found = switches.get(format);
        if (found == null) {
            throw new IllegalArgumentException(format.toString());
        }
        return found;
    }

    @Override
    public int height() {
        return vector.height();
    }

    @Override
    public void fill(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int runs,
            CodePanel panel) {
        WarmSwitch speed = of(fills, format);
        boolean useVector = speed.useVector();
        long start = speed.isDecided() ? 0 : System.nanoTime();
        form(useVector).fill(format, source, offset, stride, rows, runs, panel);
        if (start != 0) {
            speed.took(useVector, runs, System.nanoTime() - start);
        }
    }

    @Override
    public void multiply(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            int runs,
            RoundedRows x,
            int[] rows,
            int count,
            float[] results) {
        WarmSwitch speed = of(count > 2 ? tiles : singles, format);
        boolean useVector = speed.useVector();
        long start = speed.isDecided() ? 0 : System.nanoTime();
        form(useVector).multiply(format, left, right, chunk, runs, x, rows, count, results);
        if (start != 0) {
            speed.took(useVector, (long) runs * count, System.nanoTime() - start);
        }
    }

    @Override
    public void multiplyFew(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int weightRows,
            CodePanel left,
            CodePanel right,
            int chunk,
            int columns,
            RoundedRows x,
            int[] rows,
            int count,
            float[] results) {
        WarmSwitch speed = of(fews, format);
        boolean useVector = speed.useVector();
        long start = speed.isDecided() ? 0 : System.nanoTime();
        if (useVector) {
            vector.multiplyFew(
                    format,
                    source,
                    offset,
                    stride,
                    weightRows,
                    left,
                    right,
                    chunk,
                    columns,
                    x,
                    rows,
                    count,
                    results);
        } else {
            scalar.multiplyFew(
                    format,
                    source,
                    offset,
                    stride,
                    weightRows,
                    left,
                    right,
                    chunk,
                    columns,
                    x,
                    rows,
                    count,
                    results);
        }
        if (start != 0) {
            speed.took(useVector, (long) columns * count, System.nanoTime() - start);
        }
    }

    private CodeLoops form(boolean useVector) {
        return useVector ? vector : scalar;
    }
}
