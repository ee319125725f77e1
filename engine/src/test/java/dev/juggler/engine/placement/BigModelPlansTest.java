package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Plans of big models from their published dimensions, for the machines of docs/placement.md, next
 * to arithmetic by hand: what a card of some size holds, and what a token reads from where.
 */
class BigModelPlansTest {
    private static final int CONTEXT = 32768;
    private static final long BUFFERS = 100_000_000;
    private static final long GIB = 1L << 30;
    private static final double CPU = 80e9;
    private static final double HOP_SECONDS = 10e-6;
    private static final double LINK = 25e9;

    /**
     * Published dimensions.
     *
     * @param attention elements of a layer's attention matrices but for that of the values
     * @param values elements of the matrix of the values, which has more bits in some layers
     * @param kv elements that a position takes in the cache of a layer
     * @param shared inner elements of the shared expert
     */
    private record Shape(
            String name,
            int layers,
            int denseLayers,
            int width,
            long attention,
            long values,
            int kv,
            int experts,
            int used,
            int inner,
            int shared,
            int denseInner,
            int vocabulary) {
        /** Q4_K_M as it is usually mixed: these layers have Q6_K in values and down matrices. */
        boolean isFine(int layer) {
            return layer < layers / 8 || layer >= 7 * layers / 8 || layer % 3 == 2;
        }

        long downBytes(int layer, long elements) {
            return isFine(layer) ? q6(elements) : q4(elements);
        }

        /** An expert: gate, up and down. */
        long expertBytes(int layer) {
            long matrix = (long) width * inner;
            return 2 * q4(matrix) + downBytes(layer, matrix);
        }

        /** What every token reads of a layer, without norms. */
        long readBytes(int layer) {
            long bytes = q4(attention) + downBytes(layer, values);
            if (layer < denseLayers) {
                long dense = (long) width * denseInner;
                return bytes + 2 * q4(dense) + downBytes(layer, dense);
            }
            long both = (long) width * shared;
            long sharedBytes = shared == 0 ? 0 : 2 * q4(both) + downBytes(layer, both);
            return bytes + 4L * width * experts + sharedBytes;
        }

        long normBytes() {
            return 2L * 4 * width;
        }

        long cacheBytes() {
            return 2L * kv * CONTEXT;
        }

        long headBytes() {
            return q6((long) vocabulary * width) + 4L * width;
        }

        long embeddingBytes() {
            return q4((long) vocabulary * width);
        }
    }

    private static long q4(long elements) {
        return elements / 256 * 144;
    }

    private static long q6(long elements) {
        return elements / 256 * 210;
    }

    /** Heads of 128: queries and output, keys; values apart. Qwen3, GLM-4.5, Mixtral. */
    private static long grouped(int width, int heads, int kvHeads) {
        return 128L * width * (2L * heads + kvHeads);
    }

    private static final List<Shape> SHAPES =
            List.of(
                    // latent attention: down and up projections of queries, of keys and values,
                    // and the output (arXiv:2412.19437, 4.2)
                    new Shape(
                            "DeepSeek-V3",
                            61,
                            3,
                            7168,
                            1536L * 7168
                                    + 1536L * 128 * 192
                                    + 576L * 7168
                                    + 512L * 128 * 256
                                    + 7168L * 128 * 128,
                            0,
                            576,
                            256,
                            8,
                            2048,
                            2048,
                            18432,
                            129280),
                    new Shape(
                            "Qwen3-235B-A22B",
                            94,
                            0,
                            4096,
                            grouped(4096, 64, 4),
                            128L * 4 * 4096,
                            2 * 4 * 128,
                            128,
                            8,
                            1536,
                            0,
                            0,
                            151936),
                    new Shape(
                            "GLM-4.5-Air",
                            46,
                            1,
                            4096,
                            grouped(4096, 96, 8),
                            128L * 8 * 4096,
                            2 * 8 * 128,
                            128,
                            8,
                            1408,
                            1408,
                            10944,
                            151552),
                    new Shape(
                            "Mixtral-8x7B",
                            32,
                            0,
                            4096,
                            grouped(4096, 32, 8),
                            128L * 8 * 4096,
                            2 * 8 * 128,
                            8,
                            2,
                            14336,
                            0,
                            0,
                            32000),
                    new Shape(
                            "Qwen3-30B-A3B",
                            48,
                            0,
                            2048,
                            grouped(2048, 32, 4),
                            128L * 4 * 2048,
                            2 * 4 * 128,
                            128,
                            8,
                            768,
                            0,
                            0,
                            151936));

    /** The same as weights: one of each kind in a layer. */
    private static List<WeightDescriptor> weights(Shape shape) {
        List<WeightDescriptor> weights = new ArrayList<>();
        weights.add(weight("token_embd", Role.EMBED, -1, DType.Q4_K, shape.embeddingBytes(), 0));
        for (int layer = 0; layer < shape.layers; layer++) {
            boolean dense = layer < shape.denseLayers;
            DType down = shape.isFine(layer) ? DType.Q6_K : DType.Q4_K;
            weights.add(weight("norm", Role.NORM, layer, DType.F32, shape.normBytes(), 0));
            weights.add(weight("attn", Role.ATTENTION, layer, DType.Q4_K, q4(shape.attention), 0));
            if (shape.values > 0) {
                long bytes = shape.downBytes(layer, shape.values);
                weights.add(weight("attn_v", Role.ATTENTION, layer, down, bytes, 0));
            }
            long matrix = (long) shape.width * (dense ? shape.denseInner : shape.shared);
            Role role = dense ? Role.FFN : Role.SHARED_EXPERT;
            if (matrix > 0) {
                weights.add(weight("gate_up", role, layer, DType.Q4_K, 2 * q4(matrix), 0));
                weights.add(weight("down", role, layer, down, shape.downBytes(layer, matrix), 0));
            }
            if (!dense) {
                long router = 4L * shape.width * shape.experts;
                long one = (long) shape.width * shape.inner;
                int e = shape.experts;
                weights.add(weight("router", Role.ROUTER, layer, DType.F32, router, 0));
                weights.add(weight("gate", Role.EXPERTS, layer, DType.Q4_K, e * q4(one), e));
                weights.add(weight("up", Role.EXPERTS, layer, DType.Q4_K, e * q4(one), e));
                weights.add(
                        weight(
                                "down_exps",
                                Role.EXPERTS,
                                layer,
                                down,
                                e * shape.downBytes(layer, one),
                                e));
            }
        }
        weights.add(weight("output_norm", Role.NORM, -1, DType.F32, 4L * shape.width, 0));
        long head = q6((long) shape.vocabulary * shape.width);
        weights.add(weight("output", Role.HEAD, -1, DType.Q6_K, head, 0));
        return weights;
    }

    private static WeightDescriptor weight(
            String name, Role role, int layer, DType type, long bytes, int experts) {
        String full = layer < 0 ? name : "blk.%d.%s".formatted(layer, name);
        return new WeightDescriptor(full, role, layer, true, type, bytes, experts);
    }

    private static Plan plan(Shape shape, String machine) {
        Hardware hardware = AssumedHardware.parse(machine + ",pcie=25GB/s,cpu=512GiB@80GB/s");
        Workload workload =
                Workload.of(
                        Collections.nCopies(shape.layers, new KvLayerShape(shape.kv, 0, 0)),
                        DType.F16,
                        CONTEXT,
                        1,
                        new StepShape(512, shape.width, shape.used, BUFFERS));
        List<WeightDescriptor> weights = weights(shape);
        ExpertUse use = ExpertUse.even(shape.used, shape.experts);
        Placement placement =
                PlacementRules.none().resolve(weights, hardware, workload, name -> use);
        return Plan.of(placement, workload, hardware, use);
    }

    private static Plan.Ledger ledger(Plan plan, String device) {
        return plan.devices().stream()
                .filter(ledger -> ledger.device().equals(device))
                .findFirst()
                .orElseThrow();
    }

    /** One card: what goes on it, and the seconds of a token, worked out layer by layer. */
    private static void checkOneCard(Shape shape, long gib, double speed) {
        Plan plan = plan(shape, "cuda:0=%dGiB@%.0fGB/s".formatted(gib, speed / 1e9));
        long room = gib * GIB - (512L << 20) - BUFFERS;
        long cores = shape.headBytes();
        long everything = shape.headBytes();
        for (int layer = 0; layer < shape.layers; layer++) {
            long core = shape.readBytes(layer) + shape.normBytes() + shape.cacheBytes();
            cores += core;
            everything += core;
            everything += layer < shape.denseLayers ? 0 : shape.experts * shape.expertBytes(layer);
        }
        boolean all = everything <= room;
        long left = room - (all ? everything : cores);
        boolean embeddings = all && shape.embeddingBytes() <= left;
        long cache = shape.layers * shape.cacheBytes();
        long onCard = (all ? everything : cores) - cache;
        onCard += embeddings ? shape.embeddingBytes() : 0;
        long onCpu = embeddings ? 0 : shape.embeddingBytes();
        double hop = HOP_SECONDS + 4.0 * shape.width / LINK;
        double seconds = shape.headBytes() / speed + (embeddings ? 0 : hop);
        boolean full = false;
        for (int layer = 0; layer < shape.layers; layer++) {
            seconds += shape.readBytes(layer) / speed;
            if (layer < shape.denseLayers) {
                continue;
            }
            long one = shape.expertBytes(layer);
            long here = all ? shape.experts : full ? 0 : Math.min(shape.experts, left / one);
            full |= here < shape.experts;
            left -= all ? 0 : here * one;
            onCard += all ? 0 : here * one;
            onCpu += (shape.experts - here) * one;
            double share = (double) shape.used / shape.experts;
            double card = share * here * one / speed;
            double cpu = share * (shape.experts - here) * one / CPU;
            seconds += Math.max(card, cpu) + (here < shape.experts ? 2 * hop : 0);
        }
        String what = "%s on %d GiB".formatted(shape.name, gib);
        assertEquals(onCard, ledger(plan, "cuda:0").weights(), what);
        assertEquals(cache, ledger(plan, "cuda:0").cache(), what);
        assertEquals(onCpu, ledger(plan, "cpu").weights(), what);
        assertTrue(plan.fits(), what);
        double predicted = plan.prediction().decodeTokensPerSecond();
        assertEquals(1 / seconds, predicted, 0.005 / seconds, what);
        assertEquals(
                full ? "cpu memory bandwidth" : "cuda:0 memory bandwidth",
                plan.prediction().boundBy(),
                what);
    }

    @Test
    void oneCard() {
        int cases = 0;
        for (Shape shape : SHAPES) {
            checkOneCard(shape, 24, 1008e9);
            checkOneCard(shape, 80, 3350e9);
            cases += 2;
        }
        System.out.printf("big models on one card: %d plans by hand%n", cases);
    }

    @Test
    void twoCards() {
        for (Shape shape : SHAPES) {
            Plan plan = plan(shape, "cuda:0=24GiB@1008GB/s,cuda:1=24GiB@1008GB/s");
            Plan.Ledger first = ledger(plan, "cuda:0");
            Plan.Ledger second = ledger(plan, "cuda:1");
            long room = 24 * GIB - (512L << 20);
            long largest = 0;
            long all = shape.headBytes() + shape.embeddingBytes();
            for (int layer = 0; layer < shape.layers; layer++) {
                boolean dense = layer < shape.denseLayers;
                all += shape.readBytes(layer) + shape.normBytes();
                all += dense ? 0 : shape.experts * shape.expertBytes(layer);
                largest = Math.max(largest, dense ? 0 : shape.expertBytes(layer));
            }
            assertEquals(all, first.weights() + second.weights() + ledger(plan, "cpu").weights());
            assertEquals(shape.layers * shape.cacheBytes(), first.cache() + second.cache());
            assertTrue(first.needed() <= room && second.needed() <= room, shape.name);
            if (ledger(plan, "cpu").weights() > shape.embeddingBytes()) {
                // both are full: not another expert has room
                assertTrue(room - first.needed() < largest, shape.name);
                assertTrue(room - second.needed() < largest, shape.name);
            } else {
                // all of it is on the cards, to like parts: they differ by a layer at the most
                long layer = shape.experts * largest + shape.readBytes(1) + shape.cacheBytes();
                long apart = Math.abs(first.needed() - second.needed());
                assertTrue(apart <= layer + shape.headBytes(), shape.name + " " + apart);
            }
        }
    }

    /** DeepSeek-V3 in numbers that were worked out on paper, as docs/placement.md has them. */
    @Test
    void deepSeekOnPaper() {
        Shape shape = SHAPES.getFirst();
        // 3 · 7168 · 2048 = 44,040,192 weights in an expert: Q4_K 24,772,608 bytes;
        // with down in Q6_K 28,557,312 (14,680,064 / 256 · 66 more)
        assertEquals(24_772_608, shape.expertBytes(10));
        assertEquals(28_557_312, shape.expertBytes(11));
        // a position keeps 576 elements of 2 bytes in each of 61 layers: 2.3 GB for 32,768
        assertEquals(2_302_672_896L, 61 * shape.cacheBytes());
        Plan plan = plan(shape, "cuda:0=24GiB@1008GB/s");
        assertEquals(356.1, ledger(plan, "cpu").weights() / 0x1p30, 1.0);
        assertEquals(6.2, plan.prediction().decodeTokensPerSecond(), 0.1);
    }
}
