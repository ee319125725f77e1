package dev.juggler.tck;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.RopePlan;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;

/** Norms, positions, activations and sums: operations that go row by row. */
final class RowChecks {
    private static final int[] ROWS = {1, 2, 7, 64};
    private static final int[] WIDTHS = {1, 31, 32, 33, 255, 256, 257, 4096};

    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private RowChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        RowChecks checks = new RowChecks(subject);
        for (int width : WIDTHS) {
            for (int rows : ROWS) {
                if (rows * width <= 64 * 257) {
                    checks.addNorms(rows, width);
                    checks.addGates(rows, width);
                    checks.addSums(rows, width);
                    checks.addPicks(rows, width);
                    checks.addPaste(rows, width, rows == 7 ? 3 : 1);
                }
            }
        }
        for (RopePlan.Pairing pairing : RopePlan.Pairing.values()) {
            for (int rows : ROWS) {
                checks.addRope(pairing, rows, 1, 2, 0, 1, 1f);
                checks.addRope(pairing, rows, 3, 64, 0, 32, 1f);
                checks.addRope(pairing, rows, 2, 80, 0, 16, 1.2f);
                checks.addRope(pairing, rows, 5, 96, 64, 16, 0.7f);
                checks.addRope(pairing, rows, 1, 257, 3, 127, 1f);
                checks.addRope(pairing, rows, 33, 128, 0, 64, 1f);
            }
        }
        return checks.tests;
    }

    private void addNorms(int rows, int width) {
        String name = "rmsNorm [%d, %d]".formatted(rows, width);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin x = t.floats(rows, width, sizedRows(t, rows, width));
                            Twin weight = t.floats(1, width);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) ->
                                    kernels.rmsNorm(
                                            side.of(out), side.of(x), side.of(weight), 1e-5f));
                            t.assertClose(out, Operation.RMS_NORM, DType.F32);
                        }));
        tests.add(
                subject.test(
                        name + " in place",
                        t -> {
                            Twin x = t.shiftedBy(4).changing(rows, width);
                            Twin weight = t.floats(1, width);
                            t.run((kernels, side) ->
                                    kernels.rmsNorm(
                                            side.of(x), side.of(x), side.of(weight), 1e-6f));
                            t.assertClose(x, Operation.RMS_NORM, DType.F32);
                        }));
    }

    /** Rows of sizes 1, 1000, 0.001 (where epsilon matters) and 0. */
    private static float[] sizedRows(Trial t, int rows, int width) {
        float[] values = Samples.normal(t.random(), rows * width, 1);
        float[] sizes = {1, 1000, 0.001f, 0};
        for (int i = 0; i < values.length; i++) {
            values[i] *= sizes[i / width % sizes.length];
        }
        return values;
    }

    private void addGates(int rows, int width) {
        var clamped = new GatedActivation(GatedActivation.Kind.CLAMPED_SWIGLU, 1.702f, 0.9f);
        for (GatedActivation activation : List.of(GatedActivation.SWIGLU, clamped)) {
            String name = "gate %s [%d, %d]".formatted(activation.kind(), rows, width);
            tests.add(
                    subject.test(
                            name,
                            t -> {
                                Twin out = t.output(rows, width);
                                gate(
                                        t,
                                        out,
                                        gates(t, rows, width),
                                        t.floats(rows, width),
                                        activation);
                            }));
        }
        String name = "gate [%d, %d] in place of ".formatted(rows, width);
        tests.add(
                subject.test(
                        name + "gate",
                        t -> {
                            Twin gate = t.changing(rows, width);
                            gate(t, gate, gate, t.floats(rows, width), clamped);
                        }));
        tests.add(
                subject.test(
                        name + "up",
                        t -> {
                            Twin up = t.changing(rows, width);
                            gate(t, up, t.floats(rows, width), up, GatedActivation.SWIGLU);
                        }));
    }

    private static Twin gates(Trial t, int rows, int width) {
        float[] values = Samples.normal(t.random(), rows * width, 2);
        if (rows > 1) {
            // Where an exponential overflows, the activation must not.
            Arrays.fill(values, width, 2 * width, t.random().nextBoolean() ? 200f : -200f);
        }
        return t.floats(rows, width, values);
    }

    private static void gate(Trial t, Twin out, Twin gate, Twin up, GatedActivation activation) {
        t.run((kernels, side) ->
                kernels.gate(side.of(out), side.of(gate), side.of(up), activation));
        t.assertClose(out, Operation.GATE, DType.F32);
    }

    private void addSums(int rows, int width) {
        String shape = " [%d, %d]".formatted(rows, width);
        tests.add(
                subject.test(
                        "add" + shape,
                        t -> {
                            Twin out = t.output(rows, width);
                            add(t, out, t.floats(rows, width), t.floats(rows, width));
                        }));
        tests.add(
                subject.test(
                        "add in place" + shape,
                        t -> {
                            Twin a = t.changing(rows, width);
                            add(t, a, a, t.floats(rows, width));
                        }));
        tests.add(
                subject.test(
                        "add a single row" + shape,
                        t -> {
                            Twin out = t.output(rows, width);
                            add(t, out, t.floats(rows, width), t.floats(1, width));
                        }));
        tests.add(
                subject.test(
                        "add a single row in place" + shape,
                        t -> {
                            Twin a = t.shiftedBy(8).changing(rows, width);
                            add(t, a, a, t.floats(1, width));
                        }));
        tests.add(
                subject.test(
                        "addSigmoidScaled" + shape,
                        t -> {
                            Twin out = t.changing(rows, width);
                            Twin x = t.floats(rows, width);
                            Twin scores = t.floats(rows, 1);
                            t.run((kernels, side) ->
                                    kernels.addSigmoidScaled(
                                            side.of(out), side.of(x), side.of(scores)));
                            t.assertClose(out, Operation.ADD_SIGMOID_SCALED, DType.F32);
                        }));
    }

    private static void add(Trial t, Twin out, Twin a, Twin b) {
        t.run((kernels, side) -> kernels.add(side.of(out), side.of(a), side.of(b)));
        t.assertClose(out, Operation.ADD, DType.F32);
    }

    private void addPicks(int rows, int width) {
        String shape = " [%d, %d]".formatted(rows, width);
        tests.add(
                subject.test(
                        "gatherRows" + shape,
                        t -> {
                            int count = rows + 2;
                            int[] picked = t.random().ints(count, 0, rows).toArray();
                            picked[count - 1] = rows - 1;
                            Twin out = t.output(count, width);
                            Twin x = t.floats(rows, width);
                            Twin ids = t.ints(1, count, picked);
                            t.run((kernels, side) ->
                                    kernels.gatherRows(side.of(out), side.of(x), side.of(ids)));
                            t.assertClose(out, Operation.GATHER_ROWS, DType.F32);
                        }));
        int columns = (width + 1) / 2;
        for (int from : new int[] {0, width - columns}) {
            tests.add(
                    subject.test(
                            "copyColumns %d to %d%s".formatted(from, from + columns, shape),
                            t -> {
                                Twin out = t.output(rows, columns);
                                Twin x = t.floats(rows, width);
                                t.run((kernels, side) ->
                                        kernels.copyColumns(side.of(out), side.of(x), from));
                                t.assertClose(out, Operation.COPY_COLUMNS, DType.F32);
                            }));
        }
    }

    /** From the middle of one row into the middle of others. */
    private void addPaste(int rows, int width, int copies) {
        String name = "pasteColumns [%d, %d] to %d rows each".formatted(rows, width, copies);
        int columns = (width + 1) / 2;
        for (int from : new int[] {0, width - columns}) {
            tests.add(
                    subject.test(
                            "%s, %d columns from %d".formatted(name, columns, from),
                            t -> {
                                Twin x = t.floats(rows, width);
                                Twin out = t.shiftedBy(4).changing(copies * rows, columns + 5);
                                t.run((kernels, side) ->
                                        kernels.pasteColumns(
                                                side.of(out), 3, side.of(x), from, columns));
                                t.assertClose(out, Operation.PASTE_COLUMNS, DType.F32);
                            }));
        }
    }

    private void addRope(
            RopePlan.Pairing pairing,
            int rows,
            int heads,
            int headWidth,
            int offset,
            int pairs,
            float magnitude) {
        double[] frequencies = new double[pairs];
        for (int i = 0; i < pairs; i++) {
            frequencies[i] = Math.pow(10000, -(double) i / pairs);
        }
        var plan = new RopePlan(pairing, headWidth, offset, frequencies, magnitude);
        tests.add(
                subject.test(
                        "rope %s, %d rows of %d heads of %d, %d pairs at %d"
                                .formatted(pairing, rows, heads, headWidth, pairs, offset),
                        t -> {
                            Twin x = t.changing(rows, heads * headWidth);
                            int[] places = t.random().ints(rows, 0, 131072).toArray();
                            places[0] = 0;
                            places[rows - 1] = rows == 1 ? 33 : 131071;
                            Twin positions = t.ints(1, rows, places);
                            t.run((kernels, side) ->
                                    kernels.rope(side.of(x), side.of(positions), plan));
                            t.assertClose(x, Operation.ROPE, DType.F32);
                        }));
    }
}
