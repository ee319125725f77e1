package dev.juggler.kernel;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The conditions that {@link Kernels} puts on arguments, for a backend to check before it computes:
 * each method has the name of an operation and its arguments, as far as they have a shape; it
 * returns if they fit together and throws what the contract says if not. Nothing is allocated
 * unless it throws.
 */
public final class KernelContract {
    private final String backend;
    private final Set<DType> weightTypes;
    private final Set<DType> kvTypes;

    /**
     * @param backend the backend's name in messages
     * @param weightTypes as {@link Kernels#weightTypes}
     * @param kvTypes as {@link Kernels#kvTypes}
     */
    public KernelContract(String backend, Set<DType> weightTypes, Set<DType> kvTypes) {
        this.backend = backend;
        this.weightTypes = weightTypes;
        this.kvTypes = kvTypes;
    }

    public void embed(Tensor out, Tensor table, Tensor ids) {
        weight("embed", table);
        f32("embed", out);
        i32("embed", ids);
        if (table.count() != 1 || out.columns() != table.columns() || !isList(ids, out.rows())) {
            throw misfit("embed", out, table, ids);
        }
    }

    public void matmul(Tensor out, Tensor x, Tensor weight) {
        weight("matmul", weight);
        f32("matmul", out);
        f32("matmul", x);
        if (weight.count() != 1
                || out.rows() != x.rows()
                || out.columns() != weight.rows()
                || x.columns() != weight.columns()) {
            throw misfit("matmul", out, x, weight);
        }
    }

    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        weight("matmulByExpert", stack);
        f32("matmulByExpert", out);
        f32("matmulByExpert", x);
        i32("matmulByExpert", ids);
        if (out.rows() != choices(ids)
                || out.columns() != stack.rows()
                || x.columns() != stack.columns()
                || (x.rows() != ids.rows() && x.rows() != choices(ids))) {
            throw misfit("matmulByExpert", out, x, stack, ids);
        }
    }

    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        f32("addByExpert", x);
        f32("addByExpert", biases);
        i32("addByExpert", ids);
        if (x.rows() != choices(ids) || x.columns() != biases.columns()) {
            throw misfit("addByExpert", x, biases, ids);
        }
    }

    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        f32("route", weights);
        f32("route", logits);
        i32("route", ids);
        int experts = logits.columns();
        if (ids.rows() != logits.rows()
                || ids.columns() != routing.used()
                || !isSame(ids, weights)
                || experts % routing.groups() != 0
                || experts / routing.groups() * routing.groupsUsed() < routing.used()) {
            throw misfit("route", ids, weights, logits);
        }
        bias("route", routing.choiceBias(), experts);
    }

    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        f32("combineExperts", out);
        f32("combineExperts", y);
        f32("combineExperts", weights);
        i32("combineExperts", ids);
        if (out.rows() != ids.rows()
                || out.columns() != y.columns()
                || y.rows() != choices(ids)
                || !isSame(weights, ids)) {
            throw misfit("combineExperts", out, y, weights, ids);
        }
    }

    public void rmsNorm(Tensor out, Tensor x, Tensor weight) {
        f32("rmsNorm", out);
        f32("rmsNorm", x);
        f32("rmsNorm", weight);
        if (!isSame(out, x) || !isList(weight, x.columns())) {
            throw misfit("rmsNorm", out, x, weight);
        }
    }

    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        f32("rope", x);
        i32("rope", positions);
        if (x.columns() % plan.headWidth() != 0 || !isList(positions, x.rows())) {
            throw misfit("rope, heads of " + plan.headWidth() + ",", x, positions);
        }
    }

    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        cache("appendKv", kv);
        f32("appendKv", keys);
        i32("appendKv", slots);
        if (keys.columns() != kv.keys().columns() || !isList(slots, keys.rows())) {
            throw misfit("appendKv of keys", kv.keys(), keys, slots);
        }
        Tensor stored = kv.values();
        if ((values == null) != (stored == null)) {
            throw new IllegalArgumentException(
                    values == null
                            ? "appendKv: the cache holds values, but none are given"
                            : "appendKv: values are given, but the cache holds none");
        }
        if (values != null && stored != null) {
            f32("appendKv", values);
            if (values.rows() != keys.rows() || values.columns() != stored.columns()) {
                throw misfit("appendKv of values", stored, values, slots);
            }
        }
    }

    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        cache("attention", kv);
        f32("attention", out);
        f32("attention", q);
        Tensor values = kv.values();
        if (out.rows() != layout.rows()
                || q.rows() != layout.rows()
                || q.columns() != plan.heads() * plan.keyWidth()
                || out.columns() != plan.heads() * plan.valueWidth()
                || kv.keys().columns() != plan.kvHeads() * plan.keyWidth()
                || (values == null
                        ? plan.valueWidth() > plan.keyWidth()
                        : values.columns() != plan.kvHeads() * plan.valueWidth())) {
            throw new IllegalArgumentException(
                    "attention: out %s, q %s, keys %s, values %s do not fit %s and %d rows"
                            .formatted(
                                    out.shape(),
                                    q.shape(),
                                    kv.keys().shape(),
                                    values == null ? "none" : values.shape(),
                                    plan,
                                    layout.rows()));
        }
        bias("attention", plan.sinks(), plan.heads());
    }

    public void gate(Tensor out, Tensor gate, Tensor up) {
        f32("gate", out);
        f32("gate", gate);
        f32("gate", up);
        if (!isSame(out, gate) || !isSame(out, up)) {
            throw misfit("gate", out, gate, up);
        }
    }

    public void add(Tensor out, Tensor a, Tensor b) {
        f32("add", out);
        f32("add", a);
        f32("add", b);
        if (!isSame(out, a) || b.columns() != a.columns() || (b.rows() != 1 && !isSame(a, b))) {
            throw misfit("add", out, a, b);
        }
    }

    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        f32("addSigmoidScaled", out);
        f32("addSigmoidScaled", x);
        f32("addSigmoidScaled", scores);
        if (!isSame(out, x) || scores.rows() != x.rows() || scores.columns() != 1) {
            throw misfit("addSigmoidScaled", out, x, scores);
        }
    }

    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        f32("gatherRows", out);
        f32("gatherRows", x);
        i32("gatherRows", ids);
        if (out.columns() != x.columns() || !isList(ids, out.rows())) {
            throw misfit("gatherRows", out, x, ids);
        }
    }

    public void copyColumns(Tensor out, Tensor x, int from) {
        f32("copyColumns", out);
        f32("copyColumns", x);
        if (out.rows() != x.rows() || from < 0 || from > x.columns() - out.columns()) {
            throw misfit("copyColumns from " + from, out, x);
        }
    }

    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        f32("pasteColumns", out);
        f32("pasteColumns", x);
        if (columns < 1
                || to < 0
                || to > out.columns() - columns
                || from < 0
                || from > x.columns() - columns
                || !isMultiple(out.rows(), x.rows())) {
            throw misfit("pasteColumns %d from %d to %d".formatted(columns, from, to), out, x);
        }
    }

    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        heads("matmulByHead", out, x, stack);
        if (x.columns() != stack.columns() || first < 0 || first > stack.rows() - out.columns()) {
            throw misfit("matmulByHead from row " + first, out, x, stack);
        }
    }

    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        heads("matmulByHeadTransposed", out, x, stack);
        if (out.columns() != stack.columns() || first < 0 || first > stack.rows() - x.columns()) {
            throw misfit("matmulByHeadTransposed from row " + first, out, x, stack);
        }
    }

    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        cache("readKeys", kv);
        f32("readKeys", out);
        if (out.columns() != kv.keys().columns() || out.rows() != layout.positions()) {
            throw misfit("readKeys of %d positions".formatted(layout.positions()), out, kv.keys());
        }
    }

    private void heads(String operation, Tensor out, Tensor x, Tensor stack) {
        weight(operation, stack);
        f32(operation, out);
        f32(operation, x);
        if (stack.count() < 1
                || out.rows() % stack.count() != 0
                || (x.rows() != out.rows() && x.rows() != out.rows() / stack.count())) {
            throw misfit(operation, out, x, stack);
        }
    }

    private void weight(String operation, Tensor weight) {
        if (!weightTypes.contains(weight.dtype())) {
            throw new UnsupportedDTypeException(backend, operation, weight.dtype());
        }
    }

    private void cache(String operation, KvPages kv) {
        DType unsupported = kvTypes.contains(kv.keys().dtype()) ? null : kv.keys().dtype();
        if (kv.values() != null && !kvTypes.contains(kv.values().dtype())) {
            unsupported = kv.values().dtype();
        }
        if (unsupported != null) {
            throw new UnsupportedDTypeException(backend, operation, unsupported);
        }
    }

    private static void bias(String operation, @Nullable Tensor bias, int width) {
        if (bias != null) {
            f32(operation, bias);
            if (!isList(bias, width)) {
                throw new IllegalArgumentException(
                        "%s: %s is not a row of %d".formatted(operation, bias.shape(), width));
            }
        }
    }

    private static void f32(String operation, Tensor tensor) {
        matrix(operation, DType.F32, tensor);
    }

    private static void i32(String operation, Tensor tensor) {
        matrix(operation, DType.I32, tensor);
    }

    private static void matrix(String operation, DType dtype, Tensor tensor) {
        if (tensor.dtype() != dtype || tensor.count() != 1) {
            throw new IllegalArgumentException(
                    "%s: %s %s is not a matrix of %s"
                            .formatted(operation, tensor.dtype(), tensor.shape(), dtype));
        }
    }

    private static int choices(Tensor ids) {
        return ids.rows() * ids.columns();
    }

    private static boolean isSame(Tensor a, Tensor b) {
        return a.rows() == b.rows() && a.columns() == b.columns();
    }

    private static boolean isMultiple(int whole, int part) {
        return part == 0 ? whole == 0 : whole % part == 0;
    }

    /** True for [1, length]. */
    private static boolean isList(Tensor tensor, int length) {
        return tensor.rows() == 1 && tensor.columns() == length;
    }

    private static IllegalArgumentException misfit(String operation, Tensor... tensors) {
        StringBuilder shapes = new StringBuilder();
        for (Tensor tensor : tensors) {
            shapes.append(shapes.isEmpty() ? "" : ", ").append(tensor.shape());
        }
        return new IllegalArgumentException(
                "%s: the shapes %s do not fit together".formatted(operation, shapes));
    }
}
