package dev.juggler.engine.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.nn.LatentAttention.Form;
import dev.juggler.engine.nn.LatentAttention.Latents;
import dev.juggler.engine.nn.LatentAttention.Queries;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.Quantizers;
import dev.juggler.tck.Samples;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The two forms of latent attention compute the same, and the cheaper one is taken. */
class LatentAttentionTest {
    private static final int PAGE = 16;
    private static final int PAGES = 20;
    private static final RopePlan NO_ROPE =
            new RopePlan(Pairing.INTERLEAVED, 8, 0, new double[0], 1);

    private static Tensor tensor(DType dtype, Shape shape, Random random, double deviation) {
        float[] values = Samples.normal(random, Math.toIntExact(shape.elements()), deviation);
        HostBuffer buffer =
                HostBuffer.allocate(dtype.bytes(shape.columns()) * shape.rows() * shape.count());
        Quantizers.of(dtype).quantize(values, 0, buffer.host(), 0, values.length);
        return new Tensor(dtype, shape, buffer, 0);
    }

    /** Weights of a layer in either layout of its maps; the rest of the layer is not used here. */
    private static LatentAttention block(
            LatentShape shape, boolean split, DType dtype, Random random) {
        Tensor none = tensor(DType.F32, Shape.matrix(1, 8), random, 1);
        HeadMap keys;
        HeadMap values;
        double deviation = 1 / Math.sqrt(shape.latent());
        if (split) {
            Shape transposed = new Shape(shape.heads(), shape.latent(), shape.unrotated());
            Shape straight = new Shape(shape.heads(), shape.valueWidth(), shape.latent());
            keys = new HeadMap(tensor(dtype, transposed, random, deviation), 0, true);
            values = new HeadMap(tensor(dtype, straight, random, deviation), 0, false);
        } else {
            int ofHead = shape.unrotated() + shape.valueWidth();
            Shape both = new Shape(shape.heads(), ofHead, shape.latent());
            Tensor stack = tensor(dtype, both, random, deviation);
            keys = new HeadMap(stack, 0, false);
            values = new HeadMap(stack, shape.unrotated(), false);
        }
        return new LatentAttention(
                new Queries(null, null, none, NO_ROPE),
                new Latents(none, none, NO_ROPE),
                keys,
                values,
                none,
                shape,
                1e-6f);
    }

    private static BatchLayout layout(int[] rows, int[] lengths) {
        BatchLayout layout = new BatchLayout(rows.length);
        int next = PAGES;
        for (int s = 0; s < rows.length; s++) {
            int[] pages = new int[(lengths[s] + PAGE - 1) / PAGE];
            for (int i = 0; i < pages.length; i++) {
                pages[i] = --next;
            }
            layout.add(rows[s], lengths[s], pages);
        }
        return layout;
    }

    private static double difference(Tensor a, Tensor b) {
        float[] left = a.host().toArray(ValueLayout.JAVA_FLOAT);
        float[] right = b.host().toArray(ValueLayout.JAVA_FLOAT);
        double squares = 0;
        double norm = 0;
        for (int i = 0; i < left.length; i++) {
            squares += Math.pow((double) left[i] - right[i], 2);
            norm += Math.pow(left[i], 2);
        }
        return squares / norm;
    }

    @Test
    void bothFormsAgree() {
        CpuSimdBackendProvider cpu = new CpuSimdBackendProvider();
        double exact = 0;
        double onShorts = 0;
        try (Backend reference = new ReferenceBackend();
                Backend inFloats = cpu.open(new BackendOptions("cpu", true, Map.of()));
                Backend rounding = cpu.open(BackendOptions.of("cpu"))) {
            for (DType cacheType : List.of(DType.F32, DType.F16)) {
                exact = Math.max(exact, worst(reference, cacheType));
                exact = Math.max(exact, worst(inFloats, cacheType));
            }
            exact = Math.max(exact, worst(rounding, DType.F32));
            onShorts = worst(rounding, DType.F16);
        }
        System.out.printf(
                "latent attention, two forms: worst nmse %.2g, on shorts %.2g%n", exact, onShorts);
        assertTrue(exact < 1e-11, "nmse " + exact);
        assertTrue(onShorts < 3e-7, "nmse on shorts " + onShorts); // twice 3e-4, squared
    }

    private static double worst(Backend backend, DType cacheType) {
        double worst = 0;
        LatentShape small = LatentShape.of(3, 32, 24, 8, 20, 0.2f);
        LatentShape real = LatentShape.of(4, 512, 192, 64, 128, 0.07f);
        for (LatentShape shape : List.of(small, real)) {
            for (boolean split : new boolean[] {false, true}) {
                worst = Math.max(worst, compare(backend, shape, split, cacheType));
            }
        }
        return worst;
    }

    private static double compare(
            Backend backend, LatentShape shape, boolean split, DType cacheType) {
        Random random = new Random(shape.latent());
        DType weights =
                shape.unrotated() % 32 == 0 && shape.latent() % 32 == 0 ? DType.Q8_0 : DType.F32;
        LatentAttention block = block(shape, split, weights, random);
        Tensor keys = tensor(cacheType, new Shape(PAGES, PAGE, shape.stored()), random, 1);
        KvPages kv = new KvPages(keys, null, PAGE);
        BatchLayout layout = layout(new int[] {20, 1, 5}, new int[] {30, 70, 5});
        int rows = layout.rows();
        Tensor q =
                tensor(DType.F32, Shape.matrix(rows, shape.heads() * shape.keyWidth()), random, 1);
        Shape out = Shape.matrix(rows, shape.heads() * shape.valueWidth());
        Tensor plain = tensor(DType.F32, out, random, 1);
        Tensor absorbed = tensor(DType.F32, out, random, 1);
        BufferWorkspace workspace = new BufferWorkspace(HostBuffer.allocate(32 << 20));
        block.attend(Form.PLAIN, plain, q, kv, layout, workspace, backend.kernels());
        block.attend(Form.ABSORBED, absorbed, q, kv, layout, workspace, backend.kernels());
        assertEquals(0, workspace.mark());
        return difference(plain, absorbed);
    }

    @Test
    void oneVectorIsStoredForAPosition() {
        LatentShape v3 = LatentShape.of(128, 512, 192, 64, 128, 1);
        LatentAttention block =
                block(LatentShape.of(1, 512, 192, 64, 128, 1), true, DType.F32, new Random(1));
        assertEquals(new KvLayerShape(576, 0, 0), block.kvShape());
        assertEquals(576, v3.stored());
        assertEquals(128, v3.unrotated());
    }

    @Test
    void manyRowsOfFewPositionsArePlain() {
        LatentShape v3 = LatentShape.of(128, 512, 192, 64, 128, 1);
        assertTrue(isPlain(v3, 512, 512), "a prompt");
        assertTrue(isPlain(v3, 512, 2048), "a later part of a prompt");
        assertFalse(isPlain(v3, 512, 2049), "more than there is room for");
        assertFalse(isPlain(v3, 64, 256), "expanding costs more than it saves");
        assertFalse(isPlain(v3, 1, 1000), "generation");
    }

    private static boolean isPlain(LatentShape shape, int rows, int length) {
        BatchLayout layout = new BatchLayout(1);
        layout.add(rows, length, new int[0]);
        return shape.isPlainCheaper(layout, 0);
    }
}
