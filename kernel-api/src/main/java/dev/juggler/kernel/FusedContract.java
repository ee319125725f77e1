package dev.juggler.kernel;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the fused steps demand of their arguments: that the plain operations would accept them. For
 * a backend that has its own fused steps, as {@link KernelContract} is for plain operations.
 */
public final class FusedContract {
    private final String backend;
    private final Set<DType> weightTypes;

    /**
     * @param backend the backend's name in messages
     * @param weightTypes as {@link Kernels#weightTypes}
     */
    public FusedContract(String backend, Set<DType> weightTypes) {
        this.backend = backend;
        this.weightTypes = weightTypes;
    }

    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights) {
        boolean single =
                weights.gate().count() == 1
                        && weights.up().count() == 1
                        && weights.down().count() == 1;
        network("feedForward", out, x, weights.gate(), weights.up(), weights.down());
        if (!single) {
            throw misfit("feedForward", out, x, weights.gate(), weights.up(), weights.down());
        }
    }

    public void project(
            Tensor q,
            Tensor x,
            ProjectionWeights weights,
            Tensor positions,
            KvPages kv,
            Tensor slots) {
        Tensor query = weights.query().weight();
        Tensor key = weights.key().weight();
        Tensor value = weights.value().weight();
        weight("project", query);
        weight("project", key);
        weight("project", value);
        Tensor values = kv.values();
        RopePlan rope = weights.rope();
        boolean fits =
                q.dtype() == DType.F32
                        && x.dtype() == DType.F32
                        && q.count() == 1
                        && x.count() == 1
                        && q.rows() == x.rows()
                        && q.columns() == query.rows()
                        && query.columns() == x.columns()
                        && key.columns() == x.columns()
                        && value.columns() == x.columns()
                        && values != null
                        && kv.keys().columns() == key.rows()
                        && values.columns() == value.rows()
                        && (rope == null
                                || (query.rows() % rope.headWidth() == 0
                                        && key.rows() % rope.headWidth() == 0))
                        && isList(positions, x.rows())
                        && isList(slots, x.rows());
        if (!fits) {
            throw misfit("project", q, x, query, key, value, kv.keys(), positions, slots);
        }
        follows(weights.query());
        follows(weights.key());
        follows(weights.value());
    }

    /** A bias and a norm that fit a projection. */
    private static void follows(Projection projection) {
        Tensor weight = projection.weight();
        Tensor bias = projection.bias();
        Tensor norm = projection.norm();
        if (bias != null && (!isRow(bias) || bias.columns() != weight.rows())) {
            throw misfit("project", bias, weight);
        }
        if (norm != null && (!isRow(norm) || weight.rows() % norm.columns() != 0)) {
            throw misfit("project", norm, weight);
        }
    }

    private static boolean isRow(Tensor tensor) {
        return tensor.dtype() == DType.F32 && tensor.count() == 1 && tensor.rows() == 1;
    }

    private static boolean isList(Tensor tensor, int length) {
        return tensor.dtype() == DType.I32 && tensor.shape().elements() == length;
    }

    public void experts(
            Tensor out, Tensor x, Tensor ids, Tensor routeWeights, ExpertWeights weights) {
        network("experts", out, x, weights.gate(), weights.up(), weights.down());
        int experts = weights.gate().count();
        boolean fits =
                weights.up().count() == experts
                        && weights.down().count() == experts
                        && ids.dtype() == DType.I32
                        && ids.count() == 1
                        && ids.rows() == x.rows()
                        && routeWeights.dtype() == DType.F32
                        && routeWeights.count() == 1
                        && routeWeights.rows() == ids.rows()
                        && routeWeights.columns() == ids.columns();
        if (!fits) {
            throw misfit("experts", out, x, ids, routeWeights, weights.gate(), weights.down());
        }
        bias(weights.gateBias(), weights.gate());
        bias(weights.upBias(), weights.up());
        bias(weights.downBias(), weights.down());
    }

    private void network(
            String operation, Tensor out, Tensor x, Tensor gate, Tensor up, Tensor down) {
        weight(operation, gate);
        weight(operation, up);
        weight(operation, down);
        boolean fits =
                out.dtype() == DType.F32
                        && x.dtype() == DType.F32
                        && out.count() == 1
                        && x.count() == 1
                        && out.rows() == x.rows()
                        && gate.columns() == x.columns()
                        && up.columns() == x.columns()
                        && up.rows() == gate.rows()
                        && down.columns() == gate.rows()
                        && down.rows() == out.columns();
        if (!fits) {
            throw misfit(operation, out, x, gate, up, down);
        }
    }

    private void weight(String operation, Tensor weight) {
        if (!weightTypes.contains(weight.dtype())) {
            throw new UnsupportedDTypeException(backend, operation, weight.dtype());
        }
    }

    private static void bias(@Nullable Tensor bias, Tensor weight) {
        if (bias != null
                && (bias.dtype() != DType.F32
                        || bias.count() != 1
                        || bias.rows() != weight.count()
                        || bias.columns() != weight.rows())) {
            throw misfit("experts", bias, weight);
        }
    }

    private static IllegalArgumentException misfit(String operation, Tensor... tensors) {
        StringBuilder shapes = new StringBuilder();
        for (Tensor tensor : tensors) {
            shapes.append(shapes.isEmpty() ? "" : ", ")
                    .append(tensor.dtype())
                    .append(' ')
                    .append(tensor.shape());
        }
        return new IllegalArgumentException(
                "%s: %s do not fit together".formatted(operation, shapes));
    }
}
