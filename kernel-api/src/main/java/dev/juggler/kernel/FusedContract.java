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
