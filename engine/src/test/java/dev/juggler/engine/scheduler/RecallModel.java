package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.KvCachePlan;
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

    volatile boolean failing;
    final AtomicInteger forwards = new AtomicInteger();

    @Override
    public int vocabularySize() {
        return VOCABULARY;
    }

    @Override
    public List<KvLayerShape> kvLayers() {
        return List.of(new KvLayerShape(1, 1, 0));
    }

    @Override
    public Tensor forward(Batch batch, KvCache cache, Workspace workspace, Kernels kernels) {
        forwards.incrementAndGet();
        if (failing) {
            throw new IllegalStateException("the fake device is on fire");
        }
        KvPages kv = cache.layer(0);
        MemorySegment keys = kv.keys().host();
        MemorySegment values = Objects.requireNonNull(kv.values()).host();
        MemorySegment ids = batch.ids().host();
        MemorySegment positions = batch.positions().host();
        MemorySegment slots = batch.slots(0).host();
        for (int row = 0; row < batch.rows(); row++) {
            int slot = slots.getAtIndex(ValueLayout.JAVA_INT, row);
            keys.setAtIndex(
                    ValueLayout.JAVA_FLOAT, slot, ids.getAtIndex(ValueLayout.JAVA_INT, row));
            values.setAtIndex(
                    ValueLayout.JAVA_FLOAT, slot, positions.getAtIndex(ValueLayout.JAVA_INT, row));
        }
        Tensor logits = workspace.take(batch.outputs(), VOCABULARY);
        for (int output = 0; output < batch.outputs(); output++) {
            int row = batch.outputRows().host().getAtIndex(ValueLayout.JAVA_INT, output);
            int position = positions.getAtIndex(ValueLayout.JAVA_INT, row);
            writeLogits(logits, output, recall(batch.layout(0), row, position, kv));
        }
        return logits;
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

    static KvCachePlan cachePlan(int pages, int pageSize) {
        return new KvCachePlan(new RecallModel().kvLayers(), DType.F32, pages, pageSize);
    }

    static KvCache cache(KvCachePlan plan) {
        Shape shape = new Shape(plan.pages(), plan.pageSize(), 1);
        Buffer keys = HostBuffer.allocate(plan.keyBytes(0));
        Buffer values = HostBuffer.allocate(plan.valueBytes(0));
        KvPages pages =
                new KvPages(
                        new Tensor(DType.F32, shape, keys, 0),
                        new Tensor(DType.F32, shape, values, 0),
                        plan.pageSize());
        return layer -> pages;
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

    private static long recall(BatchLayout layout, int row, int position, KvPages kv) {
        int sequence = 0;
        while (row >= layout.firstRow(sequence) + layout.rowCount(sequence)) {
            sequence++;
        }
        long hash = 1;
        for (int p = 0; p <= position; p++) {
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
