package dev.juggler.tck;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import dev.juggler.tck.FaultyBackend.Fault;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kit catches backends that are wrong in a way that backends have been wrong before. */
class ConformanceKitTest {
    private final List<DynamicTest> tests = new ArrayList<>();

    @TestFactory
    List<DynamicTest> faultsAreCaught() {
        products();
        experts();
        choices();
        rows();
        cache();
        return tests;
    }

    private void products() {
        Function<Subject, List<DynamicTest>> group = MatmulChecks::of;
        fault(
                "matmul forgets the last element of a row",
                group,
                "matmul",
                (k, a) -> {
                    Tensor x = tensor(a, 1);
                    Tensor copy = copyOf(x);
                    for (int r = 0; r < x.rows(); r++) {
                        set(copy, r, x.columns() - 1, 0);
                    }
                    k.matmul(tensor(a, 0), copy, tensor(a, 2));
                });
        fault(
                "matmul forgets the last column where they are odd",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    float before = get(out, out.rows() - 1, out.columns() - 1);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    if (out.columns() % 2 == 1 && out.columns() > 200) {
                        set(out, out.rows() - 1, out.columns() - 1, before);
                    }
                });
        fault(
                "matmul adds to what is there",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    float before = get(out, 0, 0);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    set(out, 0, 0, get(out, 0, 0) + before);
                });
        fault(
                "matmul writes one element too many",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    memory(out).set(ValueLayout.JAVA_BYTE, out.offset() + out.byteSize(), (byte) 1);
                });
        fault(
                "matmul scribbles on its input",
                group,
                "matmul",
                (k, a) -> {
                    k.matmul(tensor(a, 0), tensor(a, 1), tensor(a, 2));
                    set(tensor(a, 1), 0, 0, 1);
                });
        fault(
                "matmul is a little different each time",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    float value = get(out, 0, 0);
                    set(out, 0, 0, System.nanoTime() / 256 % 2 == 0 ? value : Math.nextUp(value));
                });
        fault(
                "matmul takes the weight from the start of its buffer",
                group,
                "matmul",
                (k, a) -> {
                    Tensor weight = tensor(a, 2);
                    k.matmul(
                            tensor(a, 0),
                            tensor(a, 1),
                            new Tensor(
                                    weight.dtype(),
                                    weight.shape(),
                                    weight.buffer(),
                                    weight.offset() / 64 * 64));
                });
        fault(
                "embed takes the row before",
                group,
                "embed",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.embed(out, tensor(a, 1), tensor(a, 2));
                    int before = Math.max(0, id(tensor(a, 2), 0) - 1);
                    k.embed(out.slice(0, 1), tensor(a, 1), filled(1, before));
                });
        fault("matmul does not look at shapes", RefusalChecks::of, "matmul with", (k, a) -> {});
        fault("matmul takes integers", RefusalChecks::of, "a weight", (k, a) -> {});
    }

    private void experts() {
        Function<Subject, List<DynamicTest>> group = ExpertChecks::of;
        fault(
                "matmulByExpert leaves the rows of absent experts",
                group,
                "matmulByExpert",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.matmulByExpert(out, tensor(a, 1), tensor(a, 2), tensor(a, 3));
                    for (int c = 0; c < out.rows(); c++) {
                        if (id(tensor(a, 3), c) < 0) {
                            set(out, c, 0, Float.NaN);
                        }
                    }
                });
        fault(
                "matmulByExpert uses one row for all choices, always",
                group,
                "matmulByExpert",
                (k, a) -> {
                    Tensor x = tensor(a, 1);
                    Tensor ids = tensor(a, 3);
                    k.matmulByExpert(
                            tensor(a, 0),
                            x.rows() == ids.rows() ? x : x.slice(0, ids.rows()),
                            tensor(a, 2),
                            ids);
                });
        fault(
                "addByExpert takes expert 0 for an absent one",
                group,
                "addByExpert",
                (k, a) -> {
                    Tensor x = tensor(a, 0);
                    k.addByExpert(x, tensor(a, 1), tensor(a, 2));
                    for (int c = 0; c < x.rows(); c++) {
                        if (id(tensor(a, 2), c) < 0) {
                            set(x, c, 0, get(x, c, 0) + get(tensor(a, 1), 0, 0));
                        }
                    }
                });
        fault(
                "combineExperts counts absent experts",
                group,
                "combineExperts",
                (k, a) -> {
                    k.combineExperts(tensor(a, 0), tensor(a, 1), tensor(a, 2), tensor(a, 3));
                    for (int c = 0; c < tensor(a, 1).rows(); c++) {
                        int row = c / tensor(a, 3).columns();
                        if (id(tensor(a, 3), c) < 0) {
                            set(
                                    tensor(a, 0),
                                    row,
                                    0,
                                    get(tensor(a, 0), row, 0) + get(tensor(a, 1), c, 0));
                        }
                    }
                });
        fault(
                "experts as a fused step ignore biases",
                FusedChecks::of,
                "experts",
                (k, a) -> {
                    var all = (ExpertWeights) Objects.requireNonNull(a[4]);
                    k.experts(
                            tensor(a, 0),
                            tensor(a, 1),
                            tensor(a, 2),
                            tensor(a, 3),
                            new ExpertWeights(all.gate(), all.up(), all.down(), all.activation()),
                            (Workspace) Objects.requireNonNull(a[5]));
                });
    }

    private void choices() {
        routing(
                "route ignores groups",
                r ->
                        new Routing(
                                r.used(),
                                r.scoring(),
                                r.normalize(),
                                r.scale(),
                                1,
                                1,
                                r.choiceBias()));
        routing(
                "route ignores the bias",
                r ->
                        new Routing(
                                r.used(),
                                r.scoring(),
                                r.normalize(),
                                r.scale(),
                                r.groups(),
                                r.groupsUsed(),
                                null));
        routing(
                "route never normalizes",
                r ->
                        new Routing(
                                r.used(),
                                r.scoring(),
                                false,
                                r.scale(),
                                r.groups(),
                                r.groupsUsed(),
                                r.choiceBias()));
        routing(
                "route ignores the scale",
                r ->
                        new Routing(
                                r.used(),
                                r.scoring(),
                                r.normalize(),
                                1,
                                r.groups(),
                                r.groupsUsed(),
                                r.choiceBias()));
        routing(
                "route always uses softmax",
                r ->
                        new Routing(
                                r.used(),
                                Routing.Scoring.SOFTMAX,
                                r.normalize(),
                                r.scale(),
                                r.groups(),
                                r.groupsUsed(),
                                r.choiceBias()));
        fault(
                "route prefers the higher id among equals",
                RoutingChecks::of,
                "route",
                (k, a) -> {
                    Tensor ids = tensor(a, 0);
                    Tensor logits = tensor(a, 2);
                    k.route(ids, tensor(a, 1), logits, (Routing) Objects.requireNonNull(a[3]));
                    int last = logits.columns() - 1;
                    if (get(logits, 0, 0) == get(logits, 0, last)) {
                        memory(ids).set(ValueLayout.JAVA_INT_UNALIGNED, ids.offset(), last);
                    }
                });
    }

    private void routing(String name, Function<Routing, Routing> change) {
        fault(
                name,
                RoutingChecks::of,
                "route",
                (k, a) ->
                        k.route(
                                tensor(a, 0),
                                tensor(a, 1),
                                tensor(a, 2),
                                change.apply((Routing) Objects.requireNonNull(a[3]))));
    }

    private void rows() {
        Function<Subject, List<DynamicTest>> group = RowChecks::of;
        fault(
                "rmsNorm ignores epsilon",
                group,
                "rmsNorm",
                (k, a) -> k.rmsNorm(tensor(a, 0), tensor(a, 1), tensor(a, 2), 1e-12f));
        rope(
                "rope swaps the pairing",
                p ->
                        copy(
                                p,
                                p.pairing() == RopePlan.Pairing.HALVES
                                        ? RopePlan.Pairing.INTERLEAVED
                                        : RopePlan.Pairing.HALVES,
                                p.offset(),
                                p.magnitude()));
        rope("rope ignores the offset", p -> copy(p, p.pairing(), 0, p.magnitude()));
        rope("rope ignores the magnitude", p -> copy(p, p.pairing(), p.offset(), 1));
        fault(
                "rope goes to the next position",
                group,
                "rope",
                (k, a) -> {
                    k.rope(tensor(a, 0), tensor(a, 1), (RopePlan) Objects.requireNonNull(a[2]));
                    Tensor one = filled(tensor(a, 1).columns(), 1);
                    k.rope(tensor(a, 0), one, (RopePlan) Objects.requireNonNull(a[2]));
                });
        fault(
                "gate ignores the clamp",
                group,
                "gate CLAMPED",
                (k, a) ->
                        k.gate(
                                tensor(a, 0),
                                tensor(a, 1),
                                tensor(a, 2),
                                new GatedActivation(
                                        GatedActivation.Kind.CLAMPED_SWIGLU, 1.702f, 1000)));
        fault(
                "add takes the first row of b for all",
                group,
                "add",
                (k, a) -> k.add(tensor(a, 0), tensor(a, 1), tensor(a, 2).slice(0, 1)));
        fault(
                "copyColumns begins at 0",
                group,
                "copyColumns",
                (k, a) -> k.copyColumns(tensor(a, 0), tensor(a, 1), 0));
        fault(
                "gatherRows gives the first rows",
                group,
                "gatherRows",
                (k, a) -> {
                    k.gatherRows(tensor(a, 0), tensor(a, 1), tensor(a, 2));
                    k.copyColumns(tensor(a, 0).slice(0, 1), tensor(a, 1).slice(0, 1), 0);
                });
    }

    private void rope(String name, Function<RopePlan, RopePlan> change) {
        fault(
                name,
                RowChecks::of,
                "rope",
                (k, a) ->
                        k.rope(
                                tensor(a, 0),
                                tensor(a, 1),
                                change.apply((RopePlan) Objects.requireNonNull(a[2]))));
    }

    private static RopePlan copy(
            RopePlan plan, RopePlan.Pairing pairing, int offset, float magnitude) {
        double[] frequencies = new double[plan.pairs()];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = plan.inverseFrequency(i);
        }
        return new RopePlan(pairing, plan.headWidth(), offset, frequencies, magnitude);
    }

    private void cache() {
        plan(
                "attention sees one position too few",
                p -> changed(p, p.window() == 0 ? 0 : p.window() - 1, p.softCap(), p.sinks()));
        plan("attention ignores sinks", p -> changed(p, p.window(), p.softCap(), null));
        plan("attention ignores the soft cap", p -> changed(p, p.window(), 0, p.sinks()));
        fault(
                "attention takes pages in order",
                AttentionChecks::of,
                "attention",
                (k, a) -> {
                    BatchLayout layout = (BatchLayout) Objects.requireNonNull(a[4]);
                    KvPages kv = (KvPages) Objects.requireNonNull(a[2]);
                    BatchLayout ordered = new BatchLayout(layout.sequences());
                    for (int s = 0; s < layout.sequences(); s++) {
                        int[] pages =
                                new int[(layout.length(s) + kv.pageSize() - 1) / kv.pageSize()];
                        for (int i = 0; i < pages.length; i++) {
                            pages[i] = i;
                        }
                        ordered.add(layout.rowCount(s), layout.length(s), pages);
                    }
                    k.attention(
                            tensor(a, 0),
                            tensor(a, 1),
                            kv,
                            (AttentionPlan) Objects.requireNonNull(a[3]),
                            ordered);
                });
        fault(
                "appendKv leaves the values",
                AttentionChecks::of,
                "appendKv",
                (k, a) -> {
                    KvPages kv = (KvPages) Objects.requireNonNull(a[0]);
                    k.appendKv(
                            new KvPages(kv.keys(), null, kv.pageSize()),
                            tensor(a, 1),
                            null,
                            tensor(a, 3));
                });
    }

    private void plan(String name, Function<AttentionPlan, AttentionPlan> change) {
        fault(
                name,
                AttentionChecks::of,
                "attention",
                (k, a) ->
                        k.attention(
                                tensor(a, 0),
                                tensor(a, 1),
                                (KvPages) Objects.requireNonNull(a[2]),
                                change.apply((AttentionPlan) Objects.requireNonNull(a[3])),
                                (BatchLayout) Objects.requireNonNull(a[4])));
    }

    private static AttentionPlan changed(
            AttentionPlan p, int window, float softCap, @Nullable Tensor sinks) {
        return new AttentionPlan(
                p.heads(),
                p.kvHeads(),
                p.keyWidth(),
                p.valueWidth(),
                p.scale(),
                window,
                softCap,
                sinks);
    }

    /**
     * At least one case fails.
     *
     * @param name what is wrong; its first word is the operation
     * @param cases how the names of the cases begin that have to notice
     */
    private void fault(
            String name, Function<Subject, List<DynamicTest>> group, String cases, Fault fault) {
        String operation = name.substring(0, name.indexOf(' '));
        tests.add(
                DynamicTest.dynamicTest(
                        name,
                        () -> {
                            Subject subject =
                                    new Subject(
                                            () -> new FaultyBackend(operation, fault),
                                            (o, d) -> Tolerance.F32,
                                            System.nanoTime());
                            assertTrue(
                                    isCaught(group.apply(subject), cases),
                                    name + " was not noticed");
                            subject.backend().close();
                        }));
    }

    private static boolean isCaught(List<DynamicTest> cases, String prefix) throws Throwable {
        for (DynamicTest test : cases) {
            if (test.getDisplayName().startsWith(prefix)) {
                try {
                    test.getExecutable().execute();
                } catch (AssertionError caught) {
                    return true;
                }
            }
        }
        return false;
    }

    private static Tensor tensor(@Nullable Object[] arguments, int index) {
        return (Tensor) Objects.requireNonNull(arguments[index]);
    }

    private static MemorySegment memory(Tensor tensor) {
        return Objects.requireNonNull(tensor.buffer().host());
    }

    private static int id(Tensor ids, int index) {
        return memory(ids).get(ValueLayout.JAVA_INT_UNALIGNED, ids.offset() + 4L * index);
    }

    private static float get(Tensor tensor, int row, int column) {
        return memory(tensor).get(ValueLayout.JAVA_FLOAT_UNALIGNED, address(tensor, row, column));
    }

    private static void set(Tensor tensor, int row, int column, float value) {
        memory(tensor).set(ValueLayout.JAVA_FLOAT_UNALIGNED, address(tensor, row, column), value);
    }

    private static long address(Tensor tensor, int row, int column) {
        return tensor.offset() + ((long) row * tensor.columns() + column) * Float.BYTES;
    }

    private static Tensor filled(int columns, int value) {
        int[] values = new int[columns];
        Arrays.fill(values, value);
        return Tensor.of(DType.I32, 1, columns, HostBuffer.adopt(MemorySegment.ofArray(values)));
    }

    private static Tensor copyOf(Tensor tensor) {
        byte[] bytes = tensor.host().toArray(ValueLayout.JAVA_BYTE);
        return new Tensor(
                tensor.dtype(), tensor.shape(), HostBuffer.adopt(MemorySegment.ofArray(bytes)), 0);
    }
}
