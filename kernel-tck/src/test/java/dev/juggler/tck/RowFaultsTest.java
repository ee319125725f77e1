package dev.juggler.tck;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kit catches faults in routing, in operations by row, and in the cache. */
class RowFaultsTest extends FaultTest {
    @TestFactory
    List<DynamicTest> faultsAreCaught() {
        choices();
        rows();
        cache();
        return tests();
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
                "route judges a group by one expert",
                r ->
                        new Routing(
                                r.used(),
                                r.scoring(),
                                r.normalize(),
                                r.scale(),
                                r.groups(),
                                r.groupsUsed(),
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
                "pasteColumns clears what is beside",
                group,
                "pasteColumns",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    memory(out).asSlice(out.offset(), out.byteSize()).fill((byte) 0);
                    k.pasteColumns(out, number(a, 1), tensor(a, 2), number(a, 3), number(a, 4));
                });
        fault(
                "pasteColumns begins at 0",
                group,
                "pasteColumns",
                (k, a) -> k.pasteColumns(tensor(a, 0), 0, tensor(a, 2), 0, number(a, 4)));
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
                "readKeys begins again with each sequence",
                AttentionChecks::of,
                "readKeys",
                (k, a) -> {
                    BatchLayout layout = (BatchLayout) Objects.requireNonNull(a[2]);
                    k.readKeys(tensor(a, 0), (KvPages) Objects.requireNonNull(a[1]), layout);
                    int second = layout.length(0);
                    if (layout.sequences() > 1) {
                        k.copyColumns(tensor(a, 0).slice(second, 1), tensor(a, 0).slice(0, 1), 0);
                    }
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
}
