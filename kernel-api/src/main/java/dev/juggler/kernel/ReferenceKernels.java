package dev.juggler.kernel;

import dev.juggler.kernel.quant.BlockFormats;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The definition of every operation: plain loops over host memory, one thread. Sums are taken in
 * double and results rounded to F32 once, so that a faster backend can be held against it. Weights
 * are decoded exactly; a row of a weight is decoded once a call.
 */
public final class ReferenceKernels implements Kernels {
    private static final Set<DType> WEIGHT_TYPES = BlockFormats.types();
    private static final Set<DType> KV_TYPES =
            Collections.unmodifiableSet(EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0));

    private final KernelContract contract = new KernelContract("reference", WEIGHT_TYPES, KV_TYPES);

    @Override
    public Set<DType> weightTypes() {
        return WEIGHT_TYPES;
    }

    /** {@inheritDoc} Q8_0 quantizes a row as one run of blocks, whatever the width of a head. */
    @Override
    public Set<DType> kvTypes() {
        return KV_TYPES;
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {
        contract.embed(out, table, ids);
        float[] row = new float[table.columns()];
        for (int r = 0; r < out.rows(); r++) {
            HostRows.load(table, rowIndex("embed", ids, r, table.rows()), row);
            HostRows.store(row, out, r);
        }
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        contract.matmul(out, x, weight);
        int width = x.columns();
        float[] inputs = HostRows.loadAll(x);
        float[] column = new float[width];
        for (int n = 0; n < weight.rows(); n++) {
            HostRows.load(weight, n, column);
            for (int r = 0; r < x.rows(); r++) {
                HostRows.set(out, r, n, (float) dot(inputs, r * width, column, width));
            }
        }
    }

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        contract.matmulByExpert(out, x, stack, ids);
        int choices = out.rows();
        int used = ids.columns();
        boolean shared = x.rows() == ids.rows();
        int[] expertOf = experts("matmulByExpert", ids, stack.count());
        float[] inputs = HostRows.loadAll(x);
        float[] column = new float[x.columns()];
        float[] zero = new float[out.columns()];
        boolean[] wanted = new boolean[stack.count()];
        for (int c = 0; c < choices; c++) {
            if (expertOf[c] < 0) {
                HostRows.store(zero, out, c);
            } else {
                wanted[expertOf[c]] = true;
            }
        }
        for (int expert = 0; expert < stack.count(); expert++) {
            for (int n = 0; wanted[expert] && n < stack.rows(); n++) {
                HostRows.load(stack, expert * (long) stack.rows() + n, column);
                for (int c = 0; c < choices; c++) {
                    if (expertOf[c] == expert) {
                        int from = (shared ? c / used : c) * x.columns();
                        HostRows.set(out, c, n, (float) dot(inputs, from, column, x.columns()));
                    }
                }
            }
        }
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        contract.addByExpert(x, biases, ids);
        int[] expertOf = experts("addByExpert", ids, biases.rows());
        float[] row = new float[x.columns()];
        float[] bias = new float[x.columns()];
        for (int c = 0; c < x.rows(); c++) {
            if (expertOf[c] >= 0) {
                HostRows.load(x, c, row);
                HostRows.load(biases, expertOf[c], bias);
                for (int i = 0; i < row.length; i++) {
                    row[i] += bias[i];
                }
                HostRows.store(row, x, c);
            }
        }
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        contract.route(ids, weights, logits, routing);
        ReferenceRouting.route(ids, weights, logits, routing);
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        contract.combineExperts(out, y, weights, ids);
        int used = ids.columns();
        float[] row = new float[out.columns()];
        for (int r = 0; r < out.rows(); r++) {
            double[] sum = new double[out.columns()];
            for (int j = 0; j < used; j++) {
                if (HostRows.id(ids, (long) r * used + j) >= 0) {
                    HostRows.load(y, (long) r * used + j, row);
                    double weight = HostRows.get(weights, r, j);
                    for (int i = 0; i < row.length; i++) {
                        sum[i] += weight * row[i];
                    }
                }
            }
            for (int i = 0; i < row.length; i++) {
                row[i] = (float) sum[i];
            }
            HostRows.store(row, out, r);
        }
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        contract.rmsNorm(out, x, weight);
        int width = x.columns();
        float[] factors = HostRows.loadAll(weight);
        float[] row = new float[width];
        for (int r = 0; r < x.rows(); r++) {
            HostRows.load(x, r, row);
            double scale = 1 / Math.sqrt(dot(row, 0, row, width) / width + epsilon);
            for (int i = 0; i < width; i++) {
                row[i] = (float) (row[i] * scale * factors[i]);
            }
            HostRows.store(row, out, r);
        }
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        contract.rope(x, positions, plan);
        boolean halves = plan.pairing() == RopePlan.Pairing.HALVES;
        float[] row = new float[x.columns()];
        for (int r = 0; r < x.rows(); r++) {
            HostRows.load(x, r, row);
            for (int pair = 0; pair < plan.pairs(); pair++) {
                double angle = HostRows.id(positions, r) * plan.inverseFrequency(pair);
                double cosine = Math.cos(angle) * plan.magnitude();
                double sine = Math.sin(angle) * plan.magnitude();
                int first = plan.offset() + (halves ? pair : 2 * pair);
                int second = first + (halves ? plan.pairs() : 1);
                for (int head = 0; head < row.length; head += plan.headWidth()) {
                    float a = row[head + first];
                    float b = row[head + second];
                    row[head + first] = (float) (a * cosine - b * sine);
                    row[head + second] = (float) (a * sine + b * cosine);
                }
            }
            HostRows.store(row, x, r);
        }
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        contract.appendKv(kv, keys, values, slots);
        ReferenceAttention.append(kv.keys(), keys, slots);
        if (values != null && kv.values() != null) {
            ReferenceAttention.append(kv.values(), values, slots);
        }
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        contract.attention(out, q, kv, plan, layout);
        for (int sequence = 0; sequence < layout.sequences(); sequence++) {
            for (int kvHead = 0; kvHead < plan.kvHeads(); kvHead++) {
                new ReferenceAttention(kv, plan, layout, sequence, kvHead).attend(out, q);
            }
        }
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        contract.gate(out, gate, up);
        float[] gates = new float[out.columns()];
        float[] ups = new float[out.columns()];
        for (int r = 0; r < out.rows(); r++) {
            HostRows.load(gate, r, gates);
            HostRows.load(up, r, ups);
            for (int i = 0; i < gates.length; i++) {
                gates[i] = (float) gated(gates[i], ups[i], activation);
            }
            HostRows.store(gates, out, r);
        }
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        contract.add(out, a, b);
        float[] left = new float[a.columns()];
        float[] right = new float[a.columns()];
        for (int r = 0; r < a.rows(); r++) {
            HostRows.load(a, r, left);
            HostRows.load(b, b.rows() == 1 ? 0 : r, right);
            for (int i = 0; i < left.length; i++) {
                left[i] += right[i];
            }
            HostRows.store(left, out, r);
        }
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        contract.addSigmoidScaled(out, x, scores);
        float[] sum = new float[x.columns()];
        float[] row = new float[x.columns()];
        for (int r = 0; r < x.rows(); r++) {
            HostRows.load(out, r, sum);
            HostRows.load(x, r, row);
            double factor = sigmoid(HostRows.get(scores, r, 0));
            for (int i = 0; i < row.length; i++) {
                sum[i] = (float) (sum[i] + factor * row[i]);
            }
            HostRows.store(sum, out, r);
        }
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        contract.gatherRows(out, x, ids);
        float[] row = new float[x.columns()];
        for (int i = 0; i < out.rows(); i++) {
            HostRows.load(x, rowIndex("gatherRows", ids, i, x.rows()), row);
            HostRows.store(row, out, i);
        }
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        contract.copyColumns(out, x, from);
        float[] row = new float[x.columns()];
        float[] picked = new float[out.columns()];
        for (int r = 0; r < x.rows(); r++) {
            HostRows.load(x, r, row);
            System.arraycopy(row, from, picked, 0, picked.length);
            HostRows.store(picked, out, r);
        }
    }

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        contract.pasteColumns(out, to, x, from, columns);
        float[] row = new float[x.columns()];
        float[] target = new float[out.columns()];
        for (int r = 0; r < out.rows(); r++) {
            HostRows.load(x, r / (out.rows() / x.rows()), row);
            HostRows.load(out, r, target);
            System.arraycopy(row, from, target, to, columns);
            HostRows.store(target, out, r);
        }
    }

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHead(out, x, stack, first);
        ReferenceHeads.multiply(out, x, stack, first);
    }

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHeadTransposed(out, x, stack, first);
        ReferenceHeads.multiplyTransposed(out, x, stack, first);
    }

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        contract.readKeys(out, kv, layout);
        ReferenceAttention.readKeys(out, kv, layout);
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    private static double gated(double gate, double up, GatedActivation activation) {
        return switch (activation.kind()) {
            case SWIGLU -> gate * sigmoid(gate) * up;
            case CLAMPED_SWIGLU -> {
                double limit = activation.limit();
                double clampedGate = Math.min(gate, limit);
                double clampedUp = Math.clamp(up, -limit, limit);
                yield clampedGate * sigmoid(activation.alpha() * clampedGate) * (clampedUp + 1);
            }
        };
    }

    static double dot(float[] a, int from, float[] b, int width) {
        // Four sums, since each addition would otherwise wait for the one before.
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 3 < width; i += 4) {
            s0 += (double) a[from + i] * b[i];
            s1 += (double) a[from + i + 1] * b[i + 1];
            s2 += (double) a[from + i + 2] * b[i + 2];
            s3 += (double) a[from + i + 3] * b[i + 3];
        }
        for (; i < width; i++) {
            s0 += (double) a[from + i] * b[i];
        }
        return s0 + s1 + (s2 + s3);
    }

    private static int rowIndex(String operation, Tensor ids, int index, int rows) {
        int id = HostRows.id(ids, index);
        if (id < 0 || id >= rows) {
            throw new IllegalArgumentException(
                    "%s: id %d at %d is not a row of %d".formatted(operation, id, index, rows));
        }
        return id;
    }

    private static int[] experts(String operation, Tensor ids, int experts) {
        int[] expertOf = new int[ids.rows() * ids.columns()];
        for (int c = 0; c < expertOf.length; c++) {
            expertOf[c] = HostRows.id(ids, c);
            if (expertOf[c] >= experts) {
                throw new IllegalArgumentException(
                        "%s: id %d at %d is not one of %d experts"
                                .formatted(operation, expertOf[c], c, experts));
            }
        }
        return expertOf;
    }
}
