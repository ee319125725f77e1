package dev.juggler.tck;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RopePlan.Pairing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/** The way into attention as one step: what differs between families of models, and types. */
final class ProjectionChecks {
    /** Heads of queries for each of keys. */
    private static final int GROUP = 3;

    private final Subject subject;
    private final Set<DType> weightTypes;
    private final List<DynamicTest> tests = new ArrayList<>();

    private ProjectionChecks(Subject subject) {
        this.subject = subject;
        weightTypes = EnumSet.copyOf(subject.kernels().weightTypes());
    }

    static List<DynamicTest> of(Subject subject) {
        ProjectionChecks checks = new ProjectionChecks(subject);
        checks.addHeads();
        checks.addTypes();
        return checks.tests;
    }

    /** Types of the three weights, and of the cache. */
    private record Types(DType query, DType key, DType value, DType cache) {
        /** Elements of a row that all of them can hold. */
        int width() {
            return Math.max(
                    64,
                    Math.max(
                            query.blockElements(),
                            Math.max(key.blockElements(), value.blockElements())));
        }
    }

    /** Heads of keys, and how wide they are and those of values. */
    private record Heads(int count, int keyWidth, int valueWidth) {}

    private enum Norm {
        NONE,
        EACH_HEAD,
        WHOLE_ROW
    }

    private record Way(Types types, Heads heads, boolean biased, Norm norm, @Nullable Turn turn) {
        @Override
        public String toString() {
            return "%s %s %s to cache %s, %d heads of %d and %d%s, norm %s, rotated %s"
                    .formatted(
                            types.query(),
                            types.key(),
                            types.value(),
                            types.cache(),
                            heads.count(),
                            heads.keyWidth(),
                            heads.valueWidth(),
                            biased ? ", bias" : "",
                            norm,
                            turn == null ? "not" : turn.pairing() + " from " + turn.offset());
        }
    }

    /** Pairs of a head that are rotated. */
    private record Turn(Pairing pairing, int offset, int pairs) {
        RopePlan plan(int headWidth) {
            double[] frequencies = new double[pairs];
            Arrays.setAll(frequencies, i -> Math.pow(10000, -(double) i / pairs));
            return new RopePlan(pairing, headWidth, offset, frequencies, 1.1f);
        }
    }

    private void addHeads() {
        List<Heads> shapes =
                List.of(
                        new Heads(2, 32, 32),
                        new Heads(3, 64, 32),
                        new Heads(4, 40, 24),
                        new Heads(4, 128, 128),
                        new Heads(1, 512, 256),
                        new Heads(1, 544, 32));
        Turn turn = new Turn(Pairing.HALVES, 0, 16);
        for (DType cache : subject.kernels().kvTypes()) {
            Types types = new Types(DType.F32, DType.F32, DType.F32, cache);
            for (Heads heads : shapes) {
                add(1, new Way(types, heads, true, Norm.EACH_HEAD, turn));
                add(7, new Way(types, heads, false, Norm.NONE, turn));
            }
        }
        Types types = new Types(DType.F32, DType.F32, DType.F32, cache());
        for (Norm norm : Norm.values()) {
            for (Heads heads : shapes) {
                add(5, new Way(types, heads, true, norm, turn));
            }
            add(64, new Way(types, shapes.getFirst(), false, norm, turn));
            for (Pairing pairing : Pairing.values()) {
                Turn part = new Turn(pairing, 8, 11);
                add(33, new Way(types, shapes.getFirst(), true, norm, part));
            }
            add(3, new Way(types, shapes.getFirst(), true, norm, null));
        }
    }

    private void addTypes() {
        Heads heads = new Heads(2, 64, 32);
        Turn turn = new Turn(Pairing.INTERLEAVED, 0, 32);
        for (DType type : weightTypes) {
            Types types = new Types(type, type, type, cache());
            for (int rows : new int[] {1, 7, 33}) {
                add(rows, new Way(types, heads, true, Norm.EACH_HEAD, turn));
            }
        }
        if (weightTypes.containsAll(Set.of(DType.Q4_K, DType.Q6_K, DType.F16))) {
            for (int rows : new int[] {1, 2, 8, 33}) {
                for (Types types :
                        List.of(
                                new Types(DType.Q4_K, DType.Q4_K, DType.Q6_K, cache()),
                                new Types(DType.Q4_K, DType.Q6_K, DType.Q4_K, cache()),
                                new Types(DType.Q6_K, DType.F16, DType.F32, cache()))) {
                    add(rows, new Way(types, heads, false, Norm.NONE, turn));
                }
            }
        }
    }

    private DType cache() {
        return subject.kernels().kvTypes().iterator().next();
    }

    /** A projection on both sides. */
    private record Twins(Twin weight, @Nullable Twin bias, @Nullable Twin norm) {
        static Twins random(Trial t, Way way, DType dtype, int heads, int headWidth, Norm norm) {
            int n = heads * headWidth;
            return new Twins(
                    t.weight(dtype, 1, n, way.types().width()),
                    way.biased() ? t.floats(1, n) : null,
                    switch (norm) {
                        case NONE -> null;
                        case EACH_HEAD -> t.floats(1, headWidth);
                        case WHOLE_ROW -> t.floats(1, n);
                    });
        }

        Projection on(Trial.Side side) {
            return new Projection(side.of(weight), side.ofNullable(bias), side.ofNullable(norm));
        }
    }

    private void add(int rows, Way way) {
        tests.add(subject.test("project %d rows, %s".formatted(rows, way), t -> run(t, rows, way)));
    }

    private static void run(Trial t, int rows, Way way) {
        Types types = way.types();
        int count = way.heads().count();
        int keyWidth = way.heads().keyWidth();
        int valueWidth = way.heads().valueWidth();
        Twins query = Twins.random(t, way, types.query(), GROUP * count, keyWidth, way.norm());
        Twins key = Twins.random(t, way, types.key(), count, keyWidth, way.norm());
        Twins value = Twins.random(t, way, types.value(), count, valueWidth, Norm.NONE);
        RopePlan rope = way.turn() == null ? null : way.turn().plan(keyWidth);
        Twin x = t.floats(rows, types.width());
        Twin keys = t.changingPages(types.cache(), rows + 1, 2, count * keyWidth);
        Twin values = t.changingPages(types.cache(), rows + 1, 2, count * valueWidth);
        Twin positions = t.ints(1, rows, t.random().ints(rows, 0, 40000).toArray());
        int[] places = new int[rows];
        Arrays.setAll(places, r -> 2 * (rows - r) + t.random().nextInt(2));
        Twin slots = t.ints(1, rows, places);
        Twin q = t.output(rows, GROUP * count * keyWidth);
        t.run((kernels, side) -> {
            long mark = side.workspace().mark();
            kernels.project(
                    side.of(q),
                    side.of(x),
                    new ProjectionWeights(
                            query.on(side), key.on(side), value.on(side), 1e-5f, rope),
                    side.of(positions),
                    new KvPages(side.of(keys), side.of(values), 2),
                    side.of(slots),
                    side.workspace());
            t.require(side.workspace().mark() == mark, "the workspace was not given back");
        });
        t.assertClose(q, Operation.PROJECT, types.query());
        t.assertStored(keys, Operation.PROJECT, coarser(types.key(), types.cache()));
        t.assertStored(values, Operation.PROJECT, coarser(types.value(), types.cache()));
    }

    /** What decides how close stored rows are: the weight, or the cache where that is F32. */
    private static DType coarser(DType weight, DType cache) {
        return weight == DType.F32 ? cache : weight;
    }
}
