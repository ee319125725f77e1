package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.Quantizers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * The operations of a small mixture-of-experts model with random weights, in the order in which a
 * model calls them: four layers, width 256, eight experts of which two are used.
 */
final class TinyModel {
    static final int WIDTH = 256;
    static final int PAGE = 16;
    private static final int LAYERS = 4;
    private static final int HEADS = 8;
    private static final int KV_HEADS = 4;
    private static final int HEAD = 32;
    private static final int EXPERTS = 8;
    private static final int USED = 2;
    private static final int VOCABULARY = 1024;

    private final Backend backend;
    private final Random random = new Random(42);
    private final DType dtype;
    private final Layer[] layers = new Layer[LAYERS];
    private final Tensor embedding;
    private final Tensor norm;
    private final BufferWorkspace workspace;
    private final KvPages[] caches = new KvPages[LAYERS];
    private final AttentionPlan plan =
            new AttentionPlan(HEADS, KV_HEADS, HEAD, HEAD, 0.18f, 0, 0f, null);
    private final RopePlan rope;

    TinyModel(Backend backend, DType dtype, int pages) {
        this.backend = backend;
        this.dtype = dtype;
        embedding = weight(1, VOCABULARY, WIDTH);
        norm = ones();
        for (int i = 0; i < LAYERS; i++) {
            layers[i] = new Layer();
            caches[i] = new KvPages(pages(pages), pages(pages), PAGE);
        }
        double[] frequencies = new double[HEAD / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(10000, -i / (double) frequencies.length);
        }
        rope = new RopePlan(RopePlan.Pairing.HALVES, HEAD, 0, frequencies, 1f);
        workspace = new BufferWorkspace(backend.allocate(64L << 20));
    }

    /** Logits of every row, one after the other. */
    float[] forward(int[] ids, int[] positions, int[] slots, BatchLayout layout) {
        Kernels kernels = backend.kernels();
        long mark = workspace.mark();
        int rows = ids.length;
        Tensor at = ints(positions);
        Tensor places = ints(slots);
        Tensor x = workspace.take(rows, WIDTH);
        Tensor sum = workspace.take(rows, WIDTH);
        Tensor normed = workspace.take(rows, WIDTH);
        Tensor result = workspace.take(rows, WIDTH);
        Tensor q = workspace.take(rows, HEADS * HEAD);
        Tensor k = workspace.take(rows, KV_HEADS * HEAD);
        Tensor v = workspace.take(rows, KV_HEADS * HEAD);
        kernels.embed(x, embedding, ints(ids));
        for (int i = 0; i < LAYERS; i++) {
            Layer layer = layers[i];
            kernels.rmsNorm(normed, x, norm, 1e-6f);
            kernels.matmul(q, normed, layer.q);
            kernels.matmul(k, normed, layer.k);
            kernels.matmul(v, normed, layer.v);
            kernels.rope(q, at, rope);
            kernels.rope(k, at, rope);
            kernels.appendKv(caches[i], k, v, places);
            kernels.attention(normed, q, caches[i], plan, layout);
            kernels.matmul(result, normed, layer.o);
            kernels.addRmsNorm(normed, sum, x, result, norm, 1e-6f);
            kernels.mixtureOfExperts(result, normed, layer.router, layer.experts, workspace);
            kernels.add(x, sum, result);
        }
        kernels.rmsNorm(normed, x, norm, 1e-6f);
        Tensor logits = workspace.take(rows, VOCABULARY);
        kernels.matmul(logits, normed, embedding);
        backend.synchronize();
        float[] values = logits.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        workspace.release(mark);
        return values;
    }

    private Tensor ints(int[] values) {
        Tensor tensor = workspace.take(DType.I32, 1, values.length);
        tensor.buffer().write(tensor.offset(), MemorySegment.ofArray(values));
        return tensor;
    }

    private Tensor ones() {
        float[] values = new float[WIDTH];
        java.util.Arrays.fill(values, 1f);
        Buffer buffer = backend.allocate(4L * WIDTH);
        buffer.write(0, MemorySegment.ofArray(values));
        return Tensor.of(DType.F32, 1, WIDTH, buffer);
    }

    private Tensor weight(int count, int rows, int columns) {
        int elements = count * rows * columns;
        float[] values = new float[elements];
        for (int i = 0; i < elements; i++) {
            values[i] = (random.nextFloat() - 0.5f) * 0.2f;
        }
        long bytes = dtype.bytes(elements);
        Buffer buffer = backend.allocate(bytes);
        MemorySegment memory = java.util.Objects.requireNonNull(buffer.host());
        Quantizers.of(dtype).quantize(values, 0, memory, 0, elements);
        return new Tensor(dtype, new Shape(count, rows, columns), buffer, 0);
    }

    private Tensor pages(int pages) {
        int width = KV_HEADS * HEAD;
        Buffer buffer = backend.allocate(DType.F16.bytes((long) pages * PAGE * width));
        return new Tensor(DType.F16, new Shape(pages, PAGE, width), buffer, 0);
    }

    private final class Layer {
        private final Tensor q = weight(1, HEADS * HEAD, WIDTH);
        private final Tensor k = weight(1, KV_HEADS * HEAD, WIDTH);
        private final Tensor v = weight(1, KV_HEADS * HEAD, WIDTH);
        private final Tensor o = weight(1, WIDTH, HEADS * HEAD);
        private final RouterWeights router =
                new RouterWeights(weight(1, EXPERTS, WIDTH), null, Routing.softmax(USED, true, 1f));
        private final ExpertWeights experts =
                new ExpertWeights(
                        weight(EXPERTS, WIDTH, WIDTH),
                        weight(EXPERTS, WIDTH, WIDTH),
                        weight(EXPERTS, WIDTH, WIDTH),
                        GatedActivation.SWIGLU);
    }
}
