package dev.juggler.tck;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The reference itself, on cases small enough to be worked out by hand. */
class ReferenceKernelsTest {
    private static final float NEAR = 1e-6f;

    private final ReferenceKernels kernels = new ReferenceKernels();

    @Test
    void matmulMultipliesRowsByRows() {
        Tensor out = zeros(2, 2);
        kernels.matmul(out, floats(2, 3, 1, 2, 3, 4, 5, 6), floats(2, 3, 1, 0, -1, 2, 2, 2));
        assertArrayEquals(new float[] {-2, 12, -2, 30}, values(out));
    }

    @Test
    void expertsAreChosenByIdAndNegativeOnesGiveZero() {
        Tensor stack = stacked(2, 1, 2, 1, 1, 10, 10);
        Tensor out = floats(4, 1, 9, 9, 9, 9);
        kernels.matmulByExpert(out, floats(2, 2, 1, 2, 3, 4), stack, ints(2, 2, 1, 0, -1, 1));
        assertArrayEquals(new float[] {30, 3, 0, 70}, values(out));

        kernels.matmulByExpert(
                out, floats(4, 2, 1, 2, 3, 4, 5, 6, 7, 8), stack, ints(2, 2, 1, 0, -1, 1));
        assertArrayEquals(new float[] {30, 7, 0, 150}, values(out));

        kernels.addByExpert(out, floats(2, 1, 1, 2), ints(2, 2, 1, 0, -1, 1));
        assertArrayEquals(new float[] {32, 8, 0, 152}, values(out));

        Tensor sums = zeros(2, 1);
        Tensor weights = floats(2, 2, .5f, 2, 100, 1);
        kernels.combineExperts(sums, out, weights, ints(2, 2, 1, 0, -1, 1));
        assertArrayEquals(new float[] {32, 152}, values(sums));
    }

    @Test
    void softmaxRoutingTakesTheLargestAndTheLowerIdAmongEquals() {
        Tensor ids = ints(1, 2, 9, 9);
        Tensor weights = zeros(1, 2);
        Tensor logits = floats(1, 4, 0, (float) Math.log(3), 0, 0);
        kernels.route(ids, weights, logits, Routing.softmax(2, false, 1));
        assertArrayEquals(new int[] {1, 0}, ids(ids));
        assertArrayEquals(new float[] {.5f, 1 / 6f}, values(weights), NEAR);
        kernels.route(ids, weights, logits, Routing.softmax(2, true, 2));
        assertArrayEquals(new float[] {1.5f, .5f}, values(weights), NEAR);
        kernels.route(
                ids,
                weights,
                logits,
                new Routing(2, Routing.Scoring.SOFTMAX_OF_CHOSEN, false, 1, 1, 1, null));
        assertArrayEquals(new float[] {.75f, .25f}, values(weights), NEAR);
    }

    @Test
    void groupsCompeteWithTheirTwoBestAndTheBiasOnlyChooses() {
        Tensor ids = ints(1, 2, 9, 9);
        Tensor weights = zeros(1, 2);
        // Group 0 has the best expert, group 1 the best two together, once the bias is added.
        Tensor logits = floats(1, 6, 3, -9, -9, 0, 0, -9);
        Tensor bias = floats(1, 6, 0, 0, 0, .5f, .25f, 0);
        kernels.route(
                ids,
                weights,
                logits,
                new Routing(2, Routing.Scoring.SIGMOID, false, 1, 2, 1, bias));
        assertArrayEquals(new int[] {3, 4}, ids(ids));
        assertArrayEquals(new float[] {.5f, .5f}, values(weights), NEAR);
    }

    @Test
    void normDividesByTheRootMeanSquare() {
        Tensor x = floats(1, 2, 3, 4);
        kernels.rmsNorm(x, x, floats(1, 2, 1, 2), 0);
        float root = (float) Math.sqrt(12.5);
        assertArrayEquals(new float[] {3 / root, 8 / root}, values(x), NEAR);
    }

    @Test
    void ropeTurnsPairsByPositionTimesFrequency() {
        double[] quarterTurn = {Math.PI / 2, 0};
        Tensor neighbours = floats(1, 5, 9, 1, 2, 3, 4);
        var interleaved = RopePlan.Pairing.INTERLEAVED;
        kernels.rope(neighbours, ints(1, 1, 1), new RopePlan(interleaved, 5, 1, quarterTurn, 2));
        assertArrayEquals(new float[] {9, -4, 2, 6, 8}, values(neighbours), NEAR);
        Tensor halves = floats(1, 5, 1, 2, 3, 4, 9);
        kernels.rope(
                halves, ints(1, 1, 3), new RopePlan(RopePlan.Pairing.HALVES, 5, 0, quarterTurn, 1));
        assertArrayEquals(new float[] {3, 2, -1, 4, 9}, values(halves), NEAR);
    }

    @Test
    void attentionAveragesWhatARowSees() {
        // Two pages of two positions, used in reverse; equal keys make the weights equal.
        Tensor keys = stacked(2, 2, 1, 0, 0, 0, 0);
        Tensor values = stacked(2, 2, 1, 0, 0, 0, 0);
        KvPages kv = new KvPages(keys, values, 2);
        kernels.appendKv(kv, floats(3, 1, 1, 1, 1), floats(3, 1, 3, 6, 12), ints(1, 3, 2, 3, 0));
        BatchLayout layout = new BatchLayout(1);
        layout.add(2, 3, new int[] {1, 0});
        Tensor out = zeros(2, 1);
        Tensor q = floats(2, 1, 5, 5);
        kernels.attention(out, q, kv, new AttentionPlan(1, 1, 1, 1, 1, 0, 0, null), layout);
        assertArrayEquals(new float[] {4.5f, 7}, values(out), NEAR);
        kernels.attention(out, q, kv, new AttentionPlan(1, 1, 1, 1, 1, 2, 0, null), layout);
        assertArrayEquals(new float[] {4.5f, 9}, values(out), NEAR);
        // A sink with the same score as a key takes the share of one more position.
        Tensor sink = floats(1, 1, 5);
        kernels.attention(out, q, kv, new AttentionPlan(1, 1, 1, 1, 1, 0, 0, sink), layout);
        assertArrayEquals(new float[] {3, 21 / 4f}, values(out), NEAR);
        Tensor capped = floats(1, 1, (float) Math.tanh(5));
        kernels.attention(out, q, kv, new AttentionPlan(1, 1, 1, 1, 1, 0, 1, capped), layout);
        assertArrayEquals(new float[] {3, 21 / 4f}, values(out), NEAR);
    }

    @Test
    void latentValuesAreTheFirstElementsOfTheKeys() {
        KvPages kv = new KvPages(stacked(1, 2, 2, 0, 0, 0, 0), null, 2);
        kernels.appendKv(kv, floats(2, 2, 4, 0, 8, 0), null, ints(1, 2, 0, 1));
        BatchLayout layout = new BatchLayout(1);
        layout.add(1, 2, new int[] {0});
        Tensor out = zeros(1, 2);
        kernels.attention(
                out,
                floats(1, 4, 0, 1, 0, 1),
                kv,
                new AttentionPlan(2, 1, 2, 1, 1, 0, 0, null),
                layout);
        assertArrayEquals(new float[] {6, 6}, values(out), NEAR);
    }

    @Test
    void gatesAndSums() {
        Tensor gate = floats(1, 2, 0, 20);
        kernels.gate(gate, gate, floats(1, 2, 7, 2), GatedActivation.SWIGLU);
        assertArrayEquals(new float[] {0, 40}, values(gate), 1e-4f);
        var clamped = new GatedActivation(GatedActivation.Kind.CLAMPED_SWIGLU, 100, 7);
        Tensor out = zeros(1, 2);
        kernels.gate(out, floats(1, 2, 20, 5), floats(1, 2, 9, -9), clamped);
        assertArrayEquals(new float[] {56, -30}, values(out), NEAR);
        Tensor rows = zeros(2, 2);
        kernels.add(rows, floats(2, 2, 1, 2, 3, 4), floats(1, 2, 10, 20));
        assertArrayEquals(new float[] {11, 22, 13, 24}, values(rows));
        kernels.addSigmoidScaled(rows, floats(2, 2, 2, 2, 2, 2), floats(2, 1, 0, 0));
        assertArrayEquals(new float[] {12, 23, 14, 25}, values(rows));
    }

    @Test
    void rowsAndColumnsArePicked() {
        Tensor x = floats(2, 3, 1, 2, 3, 4, 5, 6);
        Tensor out = zeros(3, 3);
        kernels.gatherRows(out, x, ints(1, 3, 1, 1, 0));
        assertArrayEquals(new float[] {4, 5, 6, 4, 5, 6, 1, 2, 3}, values(out));
        kernels.embed(out, x, ints(1, 3, 0, 1, 0));
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6, 1, 2, 3}, values(out));
        Tensor columns = zeros(2, 2);
        kernels.copyColumns(columns, x, 1);
        assertArrayEquals(new float[] {2, 3, 5, 6}, values(columns));
        IllegalArgumentException refused =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> kernels.embed(zeros(1, 3), x, ints(1, 1, 2)));
        assertEquals("embed: id 2 at 0 is not a row of 2", refused.getMessage());
    }

    private static Tensor zeros(int rows, int columns) {
        return floats(rows, columns, new float[rows * columns]);
    }

    private static Tensor floats(int rows, int columns, float... values) {
        assertEquals(rows * columns, values.length);
        return Tensor.of(DType.F32, rows, columns, HostBuffer.adopt(MemorySegment.ofArray(values)));
    }

    private static Tensor stacked(int count, int rows, int columns, float... values) {
        return new Tensor(
                DType.F32,
                new Shape(count, rows, columns),
                HostBuffer.adopt(MemorySegment.ofArray(values)),
                0);
    }

    private static Tensor ints(int rows, int columns, int... values) {
        return Tensor.of(DType.I32, rows, columns, HostBuffer.adopt(MemorySegment.ofArray(values)));
    }

    private static float[] values(Tensor tensor) {
        return tensor.host().toArray(ValueLayout.JAVA_FLOAT);
    }

    private static int[] ids(Tensor tensor) {
        return tensor.host().toArray(ValueLayout.JAVA_INT);
    }
}
