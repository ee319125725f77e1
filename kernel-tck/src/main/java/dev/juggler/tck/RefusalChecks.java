package dev.juggler.tck;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.UnsupportedDTypeException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.DynamicTest;

/** Calls that make no sense are refused as the contract says, and change nothing. */
final class RefusalChecks {
    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private RefusalChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        RefusalChecks checks = new RefusalChecks(subject);
        Set<DType> noWeights = EnumSet.allOf(DType.class);
        noWeights.removeAll(subject.kernels().weightTypes());
        noWeights.forEach(checks::addUnsupportedWeight);
        Set<DType> noCache = EnumSet.allOf(DType.class);
        noCache.removeAll(subject.kernels().kvTypes());
        noCache.forEach(checks::addUnsupportedCache);
        checks.addProducts();
        checks.addExperts();
        checks.addRouting();
        checks.addRows();
        checks.addHeads();
        checks.addCache();
        return checks.tests;
    }

    private void addUnsupportedWeight(DType dtype) {
        tests.add(
                subject.test(
                        "a weight of the unsupported type " + dtype,
                        t -> {
                            Twin out = t.output(2, 3);
                            Twin wide = t.output(2, 256);
                            Twin x = t.floats(2, 256);
                            Twin weight = t.blank(dtype, 1, 3, 256);
                            Twin ids = t.ints(1, 2, 0, 1);
                            Twin choices = t.ints(2, 1, 0, 0);
                            Twin part = t.floats(2, 3);
                            Class<UnsupportedDTypeException> unsupported =
                                    UnsupportedDTypeException.class;
                            t.assertRefused(
                                    unsupported,
                                    (k, s) -> k.matmul(s.of(out), s.of(x), s.of(weight)));
                            t.assertRefused(
                                    unsupported,
                                    (k, s) -> k.embed(s.of(wide), s.of(weight), s.of(ids)));
                            t.assertRefused(
                                    unsupported,
                                    (k, s) -> k.matmulByHead(s.of(out), s.of(x), s.of(weight), 0));
                            t.assertRefused(
                                    unsupported,
                                    (k, s) ->
                                            k.matmulByHeadTransposed(
                                                    s.of(wide), s.of(part), s.of(weight), 0));
                            t.assertRefused(
                                    unsupported,
                                    (k, s) ->
                                            k.matmulByExpert(
                                                    s.of(out),
                                                    s.of(x),
                                                    s.of(weight),
                                                    s.of(choices)));
                        }));
    }

    private void addUnsupportedCache(DType dtype) {
        tests.add(
                subject.test(
                        "a cache of the unsupported type " + dtype,
                        t -> {
                            Twin pages = t.blank(dtype, 2, 4, 256);
                            Twin rows = t.floats(1, 256);
                            Twin slots = t.ints(1, 1, 3);
                            Twin out = t.output(1, 256);
                            AttentionPlan plan = new AttentionPlan(1, 1, 256, 256, 1, 0, 0, null);
                            t.assertRefused(
                                    UnsupportedDTypeException.class,
                                    (k, s) ->
                                            k.appendKv(
                                                    new KvPages(s.of(pages), null, 4),
                                                    s.of(rows),
                                                    null,
                                                    s.of(slots)));
                            t.assertRefused(
                                    UnsupportedDTypeException.class,
                                    (k, s) ->
                                            k.attention(
                                                    s.of(out),
                                                    s.of(rows),
                                                    new KvPages(s.of(pages), null, 4),
                                                    plan,
                                                    singleRow()));
                        }));
    }

    private void addProducts() {
        Function<Trial, Twin> x = t -> t.floats(2, 32);
        Function<Trial, Twin> weight = t -> t.floats(3, 32);
        addMatmul("too few rows of out", t -> t.output(1, 3), x, weight);
        addMatmul("too many columns of out", t -> t.output(2, 4), x, weight);
        addMatmul("k that differs", t -> t.output(2, 3), x, t -> t.floats(3, 33));
        addMatmul(
                "a stack for a weight", t -> t.output(2, 3), x, t -> t.blank(DType.F32, 2, 3, 32));
        addMatmul("integers for x", t -> t.output(2, 3), t -> t.blank(DType.I32, 1, 2, 32), weight);
        addMatmul("F16 for out", t -> t.blank(DType.F16, 1, 2, 3), x, weight);
        addThree(
                "embed",
                "a width that differs",
                (k, s, a, b, c) -> k.embed(s.of(a), s.of(b), s.of(c)),
                t -> t.output(2, 33),
                t -> t.floats(5, 32),
                t -> t.ints(1, 2, 1, 2));
        addThree(
                "embed",
                "more ids than rows",
                (k, s, a, b, c) -> k.embed(s.of(a), s.of(b), s.of(c)),
                t -> t.output(2, 32),
                t -> t.floats(5, 32),
                t -> t.ints(1, 3, 1, 2, 3));
        addThree(
                "embed",
                "ids that are not I32",
                (k, s, a, b, c) -> k.embed(s.of(a), s.of(b), s.of(c)),
                t -> t.output(2, 32),
                t -> t.floats(5, 32),
                t -> t.floats(1, 2));
    }

    private void addMatmul(
            String what,
            Function<Trial, Twin> out,
            Function<Trial, Twin> x,
            Function<Trial, Twin> weight) {
        addThree(
                "matmul",
                what,
                (k, s, a, b, c) -> k.matmul(s.of(a), s.of(b), s.of(c)),
                out,
                x,
                weight);
    }

    private void addExperts() {
        addByExpert("rows for neither rows nor choices", 6, 5, 32, 3);
        addByExpert("too few rows of out", 5, 3, 32, 3);
        addByExpert("k that differs", 6, 3, 31, 3);
        addByExpert("n that differs", 6, 3, 32, 4);
        addThree(
                "addByExpert",
                "a bias that is too short",
                (k, s, a, b, c) -> k.addByExpert(s.of(a), s.of(b), s.of(c)),
                t -> t.changing(6, 32),
                t -> t.floats(4, 31),
                t -> t.ints(3, 2, 0, 1, 2, 3, 0, 1));
        addThree(
                "addByExpert",
                "rows that are not the choices",
                (k, s, a, b, c) -> k.addByExpert(s.of(a), s.of(b), s.of(c)),
                t -> t.changing(5, 32),
                t -> t.floats(4, 32),
                t -> t.ints(3, 2, 0, 1, 2, 3, 0, 1));
        addThree(
                "combineExperts",
                "rows that are not the choices",
                (k, s, a, b, c) -> {
                    k.combineExperts(s.of(a), s.of(b), s.of(c), s.of(c));
                },
                t -> t.output(3, 32),
                t -> t.floats(6, 32),
                t -> t.ints(3, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0));
    }

    private void addByExpert(String what, int outRows, int xRows, int k, int n) {
        tests.add(
                subject.test(
                        "matmulByExpert with " + what,
                        t -> {
                            Twin out = t.output(outRows, n);
                            Twin x = t.floats(xRows, k);
                            Twin stack = t.weight(DType.F32, 4, 3, 32);
                            Twin ids = t.ints(3, 2, 0, 1, 2, 3, 0, 1);
                            t.assertRefused(
                                    IllegalArgumentException.class,
                                    (kernels, s) ->
                                            kernels.matmulByExpert(
                                                    s.of(out), s.of(x), s.of(stack), s.of(ids)));
                        }));
    }

    private void addRouting() {
        addRoute("ids for fewer choices", 2, 1, 2);
        addRoute("more choices than experts", 9, 9, 1);
        addRoute("groups that do not divide", 2, 2, 3);
        addRoute("groups that are too small", 3, 3, 4);
    }

    private void addRoute(String what, int used, int idColumns, int groups) {
        Routing routing = new Routing(used, Routing.Scoring.SOFTMAX, true, 1, groups, 1, null);
        tests.add(
                subject.test(
                        "route with " + what,
                        t -> {
                            Twin ids = t.idOutput(2, idColumns);
                            Twin weights = t.output(2, idColumns);
                            Twin logits = t.floats(2, 8);
                            t.assertRefused(
                                    IllegalArgumentException.class,
                                    (k, s) ->
                                            k.route(
                                                    s.of(ids),
                                                    s.of(weights),
                                                    s.of(logits),
                                                    routing));
                        }));
    }

    private void addRows() {
        Function<Trial, Twin> out = t -> t.output(2, 32);
        Function<Trial, Twin> same = t -> t.floats(2, 32);
        Function<Trial, Twin> other = t -> t.floats(2, 33);
        ThreeTensors norm = (k, s, a, b, c) -> k.rmsNorm(s.of(a), s.of(b), s.of(c), 1e-5f);
        addThree("rmsNorm", "a weight that is too long", norm, out, same, t -> t.floats(1, 33));
        addThree("rmsNorm", "x of another width", norm, out, other, t -> t.floats(1, 33));
        ThreeTensors sum = (k, s, a, b, c) -> k.add(s.of(a), s.of(b), s.of(c));
        addThree("add", "three rows and two", sum, out, same, t -> t.floats(3, 32));
        addThree("add", "a bias that is too long", sum, out, same, t -> t.floats(1, 33));
        ThreeTensors gate =
                (k, s, a, b, c) -> k.gate(s.of(a), s.of(b), s.of(c), GatedActivation.SWIGLU);
        addThree("gate", "up of another width", gate, out, same, other);
        addThree("gate", "out of another width", gate, out, other, other);
        ThreeTensors scaled = (k, s, a, b, c) -> k.addSigmoidScaled(s.of(a), s.of(b), s.of(c));
        addThree("addSigmoidScaled", "a score too few", scaled, out, same, t -> t.floats(1, 1));
        ThreeTensors gather = (k, s, a, b, c) -> k.gatherRows(s.of(a), s.of(b), s.of(c));
        addThree("gatherRows", "an id too few", gather, out, same, t -> t.ints(1, 1, 0));
        ThreeTensors columns = (k, s, a, b, c) -> k.copyColumns(s.of(a), s.of(b), 2);
        addThree("copyColumns", "columns beyond the end", columns, out, other, same);
        ThreeTensors before = (k, s, a, b, c) -> k.copyColumns(s.of(a), s.of(b), -1);
        addThree("copyColumns", "columns before the start", before, out, other, same);
        addPaste("columns beyond the end of out", 30, 0, 3);
        addPaste("columns beyond the end of x", 0, 31, 2);
        addPaste("no columns", 0, 0, 0);
        var plan = new RopePlan(RopePlan.Pairing.HALVES, 24, 0, new double[] {1, 2}, 1);
        ThreeTensors rope = (k, s, a, b, c) -> k.rope(s.of(a), s.of(c), plan);
        addThree("rope", "heads that do not fill a row", rope, out, same, t -> t.ints(1, 2, 0, 1));
        ThreeTensors wrong = (k, s, a, b, c) -> k.rope(s.of(a), s.of(c), plan);
        addThree(
                "rope",
                "a position too many",
                wrong,
                t -> t.changing(2, 48),
                same,
                t -> t.ints(1, 3, 0, 1, 2));
    }

    private void addPaste(String what, int to, int from, int columns) {
        tests.add(
                subject.test(
                        "pasteColumns with " + what,
                        t -> {
                            Twin out = t.changing(2, 32);
                            Twin x = t.floats(2, 32);
                            t.assertRefused(
                                    IllegalArgumentException.class,
                                    (k, s) ->
                                            k.pasteColumns(s.of(out), to, s.of(x), from, columns));
                        }));
    }

    private void addHeads() {
        ThreeTensors straight = (k, s, a, b, c) -> k.matmulByHead(s.of(a), s.of(b), s.of(c), 2);
        ThreeTensors transposed =
                (k, s, a, b, c) -> k.matmulByHeadTransposed(s.of(a), s.of(b), s.of(c), 2);
        Function<Trial, Twin> stack = t -> t.weight(DType.F32, 3, 5, 32);
        Function<Trial, Twin> wide = t -> t.floats(6, 32);
        Function<Trial, Twin> narrow = t -> t.floats(2, 3);
        addThree("matmulByHead", "rows beyond", straight, t -> t.output(6, 4), wide, stack);
        addThree("matmulByHead", "k that differs", straight, t -> t.output(6, 3), narrow, stack);
        addThree("matmulByHead", "rows for no head", straight, t -> t.output(5, 3), wide, stack);
        addThree(
                "matmulByHeadTransposed",
                "rows beyond",
                transposed,
                t -> t.output(6, 32),
                t -> t.floats(2, 4),
                stack);
        addThree(
                "matmulByHeadTransposed",
                "k that differs",
                transposed,
                t -> t.output(6, 31),
                narrow,
                stack);
        addThree(
                "matmulByHeadTransposed",
                "rows for neither rows nor heads",
                transposed,
                t -> t.output(6, 32),
                t -> t.floats(3, 3),
                stack);
    }

    private void addCache() {
        addAppend("keys of another width", 33, 32, 4);
        addAppend("values of another width", 32, 33, 4);
        addAppend("a slot too few", 32, 32, 3);
        addAttention("q of another width", 63, 64, 2);
        addAttention("out of another width", 64, 63, 2);
        addAttention("heads that do not fill the cache", 64, 64, 1);
    }

    private void addAppend(String what, int keyWidth, int valueWidth, int slotCount) {
        tests.add(
                subject.test(
                        "appendKv with " + what,
                        t -> {
                            DType dtype = subject.kernels().kvTypes().iterator().next();
                            Twin keys = t.changingPages(dtype, 2, 4, 32);
                            Twin values = t.changingPages(dtype, 2, 4, 32);
                            Twin newKeys = t.floats(4, keyWidth);
                            Twin newValues = t.floats(4, valueWidth);
                            Twin slots = t.ints(1, slotCount, new int[slotCount]);
                            t.assertRefused(
                                    IllegalArgumentException.class,
                                    (k, s) ->
                                            k.appendKv(
                                                    new KvPages(s.of(keys), s.of(values), 4),
                                                    s.of(newKeys),
                                                    s.of(newValues),
                                                    s.of(slots)));
                        }));
    }

    private void addAttention(String what, int qWidth, int outWidth, int kvHeads) {
        tests.add(
                subject.test(
                        "attention with " + what,
                        t -> {
                            DType dtype = subject.kernels().kvTypes().iterator().next();
                            Twin keys = t.changingPages(dtype, 2, 4, 64);
                            Twin values = t.changingPages(dtype, 2, 4, 64);
                            Twin q = t.floats(1, qWidth);
                            Twin out = t.output(1, outWidth);
                            AttentionPlan plan =
                                    new AttentionPlan(2, kvHeads, 32, 32, 1, 0, 0, null);
                            t.assertRefused(
                                    IllegalArgumentException.class,
                                    (k, s) ->
                                            k.attention(
                                                    s.of(out),
                                                    s.of(q),
                                                    new KvPages(s.of(keys), s.of(values), 4),
                                                    plan,
                                                    singleRow()));
                        }));
    }

    private static BatchLayout singleRow() {
        BatchLayout layout = new BatchLayout(1);
        layout.add(1, 1, new int[] {0});
        return layout;
    }

    /** A call of an operation with three tensors. */
    @FunctionalInterface
    private interface ThreeTensors {
        void make(Kernels kernels, Trial.Side side, Twin a, Twin b, Twin c);
    }

    private void addThree(
            String operation,
            String what,
            ThreeTensors call,
            Function<Trial, Twin> a,
            Function<Trial, Twin> b,
            Function<Trial, Twin> c) {
        tests.add(
                subject.test(
                        operation + " with " + what,
                        t -> {
                            Twin first = a.apply(t);
                            Twin second = b.apply(t);
                            Twin third = c.apply(t);
                            t.assertRefused(
                                    IllegalArgumentException.class,
                                    (k, s) -> call.make(k, s, first, second, third));
                        }));
    }
}
