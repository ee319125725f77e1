package dev.juggler.tck;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/** The paged cache: storing keys and values, and attention over them. */
final class AttentionChecks {
    /** What slots hold that no row may see: it would drown everything else. */
    private static final float STRANGE = 3e4f;

    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private AttentionChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        AttentionChecks checks = new AttentionChecks(subject);
        for (DType dtype : subject.kernels().kvTypes()) {
            for (int width : new int[] {1, 31, 33, 64, 257}) {
                int block = dtype.blockElements();
                checks.addAppend(dtype, (width + block - 1) / block * block);
            }
            checks.addLatentAppend(dtype);
            checks.addReadKeys(dtype, 96, 4, 5, 1, 13);
            checks.addReadKeys(dtype, 576, 64, 200);
            checks.addReadKeys(dtype, dtype.isQuantized() ? 32 : 31, 1, 3, 4);
            checks.addScenes(dtype);
        }
        if (subject.kernels().kvTypes().contains(DType.F32)) {
            Scene plain = Scene.plain(4, 4, 48, 1).withValues(32, false);
            checks.addRounded(plain, new int[] {17, 2}, new int[] {40, 9});
            checks.addRounded(Scene.plain(8, 2, 64, 16), new int[] {1}, new int[] {70});
        }
        return checks.tests;
    }

    /** Heads and what they see; the rest of a case is which rows of which sequences. */
    private record Scene(
            int heads,
            int kvHeads,
            int keyWidth,
            int valueWidth,
            int window,
            float softCap,
            boolean sinks,
            boolean latent,
            int pageSize) {
        static Scene plain(int heads, int kvHeads, int width, int pageSize) {
            return new Scene(heads, kvHeads, width, width, 0, 0, false, false, pageSize);
        }

        Scene with(int newWindow, float newSoftCap, boolean newSinks) {
            return new Scene(
                    heads,
                    kvHeads,
                    keyWidth,
                    valueWidth,
                    newWindow,
                    newSoftCap,
                    newSinks,
                    latent,
                    pageSize);
        }

        Scene withValues(int newValueWidth, boolean newLatent) {
            return new Scene(
                    heads,
                    kvHeads,
                    keyWidth,
                    newValueWidth,
                    window,
                    softCap,
                    sinks,
                    newLatent,
                    pageSize);
        }

        AttentionPlan plan(dev.juggler.kernel.@Nullable Tensor sinkTensor) {
            float scale = (float) (1 / Math.sqrt(keyWidth));
            return new AttentionPlan(
                    heads, kvHeads, keyWidth, valueWidth, scale, window, softCap, sinkTensor);
        }
    }

    private void addScenes(DType dtype) {
        Scene plain = Scene.plain(4, 4, 32, 16);
        for (int rows : new int[] {1, 2, 7, 64}) {
            add(dtype, plain, new int[] {rows}, new int[] {rows});
            add(dtype, plain, new int[] {rows}, new int[] {rows + 100});
        }
        for (int length : new int[] {1, 31, 32, 33, 255, 256, 257}) {
            add(dtype, Scene.plain(2, 1, 64, 32), new int[] {1}, new int[] {length});
        }
        Scene grouped = Scene.plain(12, 3, 64, 8);
        add(dtype, grouped, new int[] {1, 7, 1, 2}, new int[] {40, 7, 9, 100});
        add(dtype, Scene.plain(7, 1, 32, 1), new int[] {2, 3}, new int[] {11, 3});
        add(dtype, Scene.plain(1, 1, 256, 64), new int[] {1}, new int[] {70});
        for (int window : new int[] {1, 31, 32, 33, 1000}) {
            add(dtype, grouped.with(window, 0, false), new int[] {7, 1}, new int[] {90, 65});
        }
        add(dtype, grouped.with(0, 0, true), new int[] {7, 1}, new int[] {20, 1});
        add(dtype, grouped.with(32, 0, true), new int[] {2, 64}, new int[] {77, 100});
        add(dtype, grouped.with(0, 2, false), new int[] {7, 1}, new int[] {20, 33});
        add(dtype, grouped.with(5, 0.5f, true), new int[] {3, 1}, new int[] {20, 33});
        add(dtype, grouped.withValues(32, false), new int[] {5, 1}, new int[] {20, 33});
        Scene latent = Scene.plain(6, 1, 96, 16).withValues(64, true);
        add(dtype, latent, new int[] {5, 1}, new int[] {20, 33});
        add(dtype, latent.with(9, 0, true), new int[] {5, 1}, new int[] {20, 33});
        Scene wideLatent = Scene.plain(16, 1, 576, 16).withValues(512, true);
        add(dtype, wideLatent, new int[] {1}, new int[] {300});
        add(dtype, wideLatent, new int[] {3, 1}, new int[] {9, 70});
        add(
                dtype,
                Scene.plain(2, 1, 192, 16).withValues(128, false),
                new int[] {1},
                new int[] {90});
        add(dtype, Scene.plain(16, 1, 128, 16), new int[] {1, 2}, new int[] {515, 33});
        if (!dtype.isQuantized()) {
            for (int width : new int[] {1, 31, 33, 80}) {
                add(dtype, Scene.plain(3, 1, width, 5), new int[] {2, 1}, new int[] {9, 40});
            }
            add(
                    dtype,
                    Scene.plain(4, 2, 24, 4).withValues(17, false),
                    new int[] {3},
                    new int[] {9});
        }
    }

    private void add(DType dtype, Scene scene, int[] rows, int[] lengths) {
        String name =
                "attention %s, rows %s of %s positions, %s"
                        .formatted(dtype, Arrays.toString(rows), Arrays.toString(lengths), scene);
        tests.add(subject.test(name, t -> attend(t, dtype, dtype, scene, rows, lengths)));
    }

    /** What a step has computed in F32 for a cache that is F16: it may be rounded to that. */
    private void addRounded(Scene scene, int[] rows, int[] lengths) {
        String name =
                "attention F32 as precise as F16, rows %s of %s positions, %s"
                        .formatted(Arrays.toString(rows), Arrays.toString(lengths), scene);
        tests.add(subject.test(name, t -> attend(t, DType.F32, DType.F16, scene, rows, lengths)));
    }

    private static void attend(
            Trial t, DType dtype, DType precision, Scene scene, int[] rows, int[] lengths) {
        int pageSize = scene.pageSize();
        int[][] tables = pageTables(t, pageSize, lengths);
        int pages = Arrays.stream(tables).mapToInt(table -> table.length).sum() + 2;
        boolean[] used = usedSlots(scene, tables, pages * pageSize, rows, lengths);
        Twin keys = pages(t, dtype, pages, pageSize, scene.kvHeads() * scene.keyWidth(), used);
        Twin values =
                scene.latent()
                        ? null
                        : pages(
                                t,
                                dtype,
                                pages,
                                pageSize,
                                scene.kvHeads() * scene.valueWidth(),
                                used);
        BatchLayout layout = new BatchLayout(lengths.length);
        for (int s = 0; s < lengths.length; s++) {
            forgetPagesLeftBehind(scene, tables[s], lengths[s] - rows[s]);
            layout.add(rows[s], lengths[s], tables[s]);
        }
        Twin q = t.floats(layout.rows(), scene.heads() * scene.keyWidth());
        Twin out = t.output(layout.rows(), scene.heads() * scene.valueWidth());
        Twin sinks = scene.sinks() ? t.floats(1, scene.heads()) : null;
        t.run((kernels, side) ->
                kernels.attention(
                        side.of(out),
                        side.of(q),
                        new KvPages(side.of(keys), side.ofNullable(values), pageSize, precision),
                        scene.plan(side.ofNullable(sinks)),
                        layout));
        t.assertClose(out, Operation.ATTENTION, precision);
    }

    /** Pages in an order that has nothing to do with positions. */
    private static int[][] pageTables(Trial t, int pageSize, int[] lengths) {
        int[][] tables = new int[lengths.length][];
        List<Integer> free = new ArrayList<>();
        for (int s = 0; s < lengths.length; s++) {
            tables[s] = new int[(lengths[s] + pageSize - 1) / pageSize];
            for (int i = 0; i < tables[s].length; i++) {
                free.add(free.size() + 1);
            }
        }
        Collections.shuffle(free, t.random());
        for (int[] table : tables) {
            for (int i = 0; i < table.length; i++) {
                table[i] = free.removeLast();
            }
        }
        return tables;
    }

    private static boolean[] usedSlots(
            Scene scene, int[][] tables, int slots, int[] rows, int[] lengths) {
        boolean[] used = new boolean[slots];
        int pageSize = scene.pageSize();
        for (int s = 0; s < tables.length; s++) {
            int first = firstVisible(scene, lengths[s] - rows[s]);
            for (int position = first; position < lengths[s]; position++) {
                int page = tables[s][position / pageSize];
                used[page * pageSize + position % pageSize] = true;
            }
        }
        return used;
    }

    private static void forgetPagesLeftBehind(Scene scene, int[] table, int firstPosition) {
        int first = firstVisible(scene, firstPosition);
        Arrays.fill(table, 0, first / scene.pageSize(), -1);
    }

    private static int firstVisible(Scene scene, int position) {
        return scene.window() == 0 ? 0 : Math.max(0, position - scene.window() + 1);
    }

    private static Twin pages(
            Trial t, DType dtype, int pages, int pageSize, int columns, boolean[] used) {
        float[] values = Samples.normal(t.random(), used.length * columns, 1);
        for (int slot = 0; slot < used.length; slot++) {
            if (!used[slot]) {
                Arrays.fill(values, slot * columns, (slot + 1) * columns, STRANGE);
            }
        }
        return t.pages(dtype, pages, pageSize, columns, values);
    }

    private void addAppend(DType dtype, int width) {
        tests.add(
                subject.test(
                        "appendKv %s, rows of %d".formatted(dtype, width),
                        t -> {
                            int valueWidth = 2 * width;
                            Twin keys = t.changingPages(dtype, 5, 3, width);
                            Twin values = t.changingPages(dtype, 5, 3, valueWidth);
                            Twin newKeys = t.floats(4, width);
                            Twin newValues = t.floats(4, valueWidth);
                            Twin slots = t.ints(1, 4, 13, 2, 3, 14);
                            t.run((kernels, side) ->
                                    kernels.appendKv(
                                            new KvPages(side.of(keys), side.of(values), 3),
                                            side.of(newKeys),
                                            side.of(newValues),
                                            side.of(slots)));
                            t.assertStored(keys, Operation.APPEND_KV, dtype);
                            t.assertStored(values, Operation.APPEND_KV, dtype);
                        }));
    }

    private void addReadKeys(DType dtype, int width, int pageSize, int... lengths) {
        String name =
                "readKeys %s, %s positions of %d in pages of %d"
                        .formatted(dtype, Arrays.toString(lengths), width, pageSize);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            int[][] tables = pageTables(t, pageSize, lengths);
                            BatchLayout layout = new BatchLayout(lengths.length);
                            int pages = 2;
                            for (int s = 0; s < lengths.length; s++) {
                                layout.add(1, lengths[s], tables[s]);
                                pages += tables[s].length;
                            }
                            float[] values =
                                    Samples.normal(t.random(), pages * pageSize * width, 1);
                            Twin keys = t.pages(dtype, pages, pageSize, width, values);
                            Twin out = t.output(Arrays.stream(lengths).sum(), width);
                            t.run((kernels, side) ->
                                    kernels.readKeys(
                                            side.of(out),
                                            new KvPages(side.of(keys), null, pageSize),
                                            layout));
                            t.assertClose(out, Operation.READ_KEYS, dtype);
                        }));
    }

    private void addLatentAppend(DType dtype) {
        tests.add(
                subject.test(
                        "appendKv %s without values".formatted(dtype),
                        t -> {
                            Twin keys = t.changingPages(dtype, 3, 4, 96);
                            Twin newKeys = t.floats(3, 96);
                            Twin slots = t.ints(1, 3, 11, 0, 5);
                            t.run((kernels, side) ->
                                    kernels.appendKv(
                                            new KvPages(side.of(keys), null, 4),
                                            side.of(newKeys),
                                            null,
                                            side.of(slots)));
                            t.assertStored(keys, Operation.APPEND_KV, dtype);
                        }));
    }
}
