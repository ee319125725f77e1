package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PageGroup;
import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.model.Model;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A fake model whose next token is a function of all tokens before it, which it reads back from the
 * pages of the cache: a token at a wrong position, a wrong page, a page that two sequences share by
 * mistake, all of them change the text.
 */
final class RecallModel implements Model {
    static final int VOCABULARY = 97;

    /** Never the most probable token, so that a text has the length that was asked for. */
    static final int END = VOCABULARY;

    private final int window;

    volatile boolean failing;
    final AtomicInteger forwards = new AtomicInteger();

    /** All layers see everything. */
    RecallModel() {
        this(0);
    }

    /**
     * @param window positions that rows see in a second layer, 0 for one layer alone
     */
    RecallModel(int window) {
        this.window = window;
    }

    @Override
    public int vocabularySize() {
        return VOCABULARY;
    }

    @Override
    public int width() {
        return 1;
    }

    @Override
    public List<KvLayerShape> kvLayers() {
        KvLayerShape all = new KvLayerShape(1, 1, 0);
        return window == 0 ? List.of(all) : List.of(all, new KvLayerShape(1, 1, window));
    }

    @Override
    public Tensor forward(Batch batch, KvCache cache, Workspace workspace, Kernels kernels) {
        forwards.incrementAndGet();
        if (failing) {
            throw new IllegalStateException("the fake device is on fire");
        }
        for (int layer = 0; layer < kvLayers().size(); layer++) {
            store(batch, layer, cache.layer(layer));
        }
        MemorySegment positions = batch.positions().host();
        Tensor logits = workspace.take(batch.outputs(), VOCABULARY);
        for (int output = 0; output < batch.outputs(); output++) {
            int row = batch.outputRows().host().getAtIndex(ValueLayout.JAVA_INT, output);
            int position = positions.getAtIndex(ValueLayout.JAVA_INT, row);
            writeLogits(logits, output, recall(batch.layout(0), row, 0, position, cache.layer(0)));
        }
        for (int row = 0; window > 0 && row < batch.rows(); row++) {
            int position = positions.getAtIndex(ValueLayout.JAVA_INT, row);
            int first = Math.max(0, position - window + 1);
            long all = recall(batch.layout(0), row, first, position, cache.layer(0));
            if (all != recall(batch.layout(1), row, first, position, cache.layer(1))) {
                throw new AssertionError("the window of position " + position + " differs");
            }
        }
        return logits;
    }

    private static void store(Batch batch, int layer, KvPages kv) {
        MemorySegment keys = kv.keys().host();
        MemorySegment values = Objects.requireNonNull(kv.values()).host();
        MemorySegment ids = batch.ids().host();
        MemorySegment positions = batch.positions().host();
        MemorySegment slots = batch.slots(layer).host();
        for (int row = 0; row < batch.rows(); row++) {
            int slot = slots.getAtIndex(ValueLayout.JAVA_INT, row);
            keys.setAtIndex(
                    ValueLayout.JAVA_FLOAT, slot, ids.getAtIndex(ValueLayout.JAVA_INT, row));
            values.setAtIndex(
                    ValueLayout.JAVA_FLOAT, slot, positions.getAtIndex(ValueLayout.JAVA_INT, row));
        }
    }

    /** What this model continues a prompt with, by its definition alone. */
    static List<Integer> expected(int[] prompt, int count) {
        List<Integer> tokens = new ArrayList<>();
        for (int token : prompt) {
            tokens.add(token);
        }
        for (int i = 0; i < count; i++) {
            long hash = 1;
            for (int token : tokens) {
                hash = mix(hash, token);
            }
            tokens.add(best(hash));
        }
        return List.copyOf(tokens.subList(prompt.length, tokens.size()));
    }

    /** A cache with so many pages of the layer that sees everything. */
    static KvCachePlan cachePlan(int pages, int pageSize) {
        return new RecallModel().cachePlan(pages, pageSize, 1, 1);
    }

    /**
     * @param pages of the layer that sees everything
     * @param rows most rows of a step
     */
    KvCachePlan cachePlan(int pages, int pageSize, int rows, int parallel) {
        List<PageGroup> groups = new ArrayList<>();
        groups.add(new PageGroup(0, pages, pages));
        if (window > 0) {
            // from the first that is seen to the last that is stored, wherever a page begins
            int ring = (window + rows - 2 + pageSize - 1) / pageSize + 1;
            groups.add(new PageGroup(window, ring * parallel, ring));
        }
        return new KvCachePlan(kvLayers(), DType.F32, groups, pageSize);
    }

    static KvCache cache(KvCachePlan plan) {
        List<KvPages> layers = new ArrayList<>();
        for (int layer = 0; layer < plan.layers().size(); layer++) {
            Shape shape = new Shape(plan.pages(layer), plan.pageSize(), 1);
            Buffer keys = HostBuffer.allocate(plan.keyBytes(layer));
            Buffer values = HostBuffer.allocate(plan.valueBytes(layer));
            layers.add(
                    new KvPages(
                            new Tensor(DType.F32, shape, keys, 0),
                            new Tensor(DType.F32, shape, values, 0),
                            plan.pageSize()));
        }
        return layers::get;
    }

    /** Kernels that this model does not use. */
    static Kernels noKernels() {
        return (Kernels)
                Proxy.newProxyInstance(
                        Kernels.class.getClassLoader(),
                        new Class<?>[] {Kernels.class},
                        (proxy, method, arguments) -> {
                            throw new UnsupportedOperationException(method.getName());
                        });
    }

    private static long recall(BatchLayout layout, int row, int first, int position, KvPages kv) {
        int sequence = 0;
        while (row >= layout.firstRow(sequence) + layout.rowCount(sequence)) {
            sequence++;
        }
        long hash = 1;
        for (int p = first; p <= position; p++) {
            long slot =
                    (long) layout.page(sequence, p / kv.pageSize()) * kv.pageSize()
                            + p % kv.pageSize();
            float storedAt =
                    Objects.requireNonNull(kv.values())
                            .host()
                            .getAtIndex(ValueLayout.JAVA_FLOAT, slot);
            if (storedAt != p) {
                throw new AssertionError("position " + p + " holds that of " + storedAt);
            }
            hash = mix(hash, (int) kv.keys().host().getAtIndex(ValueLayout.JAVA_FLOAT, slot));
        }
        return hash;
    }

    private static void writeLogits(Tensor logits, int row, long hash) {
        MemorySegment memory = logits.host();
        for (int id = 0; id < VOCABULARY; id++) {
            float value = id == best(hash) ? 9 : Math.floorMod(hash * (id + 3), 64) / 8f;
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, (long) row * VOCABULARY + id, value);
        }
    }

    private static long mix(long hash, int token) {
        long mixed = (hash ^ token) * 0x9E3779B97F4A7C15L;
        return mixed ^ (mixed >>> 29);
    }

    private static int best(long hash) {
        return (int) Math.floorMod(hash, (long) VOCABULARY);
    }
}
