package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Family;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/**
 * Gated networks, dense and of experts. In decoding, gate, up and activation are one kernel, and
 * down, biases and the weighted sum another; activations are rounded once before each. With many
 * rows the choices are grouped by expert once for all three products.
 */
final class FeedForwards {
    private final Card card;
    private final LaunchQueue queue;
    private final Products products;
    private final Rounding rounding;
    private final RowOperations rows;
    private final Family gated;
    private final Family down;

    FeedForwards(Card card, Products products, Rounding rounding, RowOperations rows) {
        this.card = card;
        this.products = products;
        this.rounding = rounding;
        this.rows = rows;
        queue = card.queue;
        gated = card.module.family("gated_few");
        down = card.module.family("down_few");
    }

    void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        long mark = workspace.mark();
        Tensor inner = workspace.take(x.rows(), weights.gate().rows());
        if (x.rows() == 1 && isFused(weights.gate(), weights.up())) {
            long source = rounded(weights.gate(), card.address(x), x.rows());
            fusedGate(
                    inner, source, 1, weights.gate(), weights.up(), 0, weights.activation(), 0, 0);
        } else {
            Tensor up = workspace.take(x.rows(), weights.up().rows());
            products.multiplyAll(
                    products.product(inner, x, weights.gate()),
                    products.product(up, x, weights.up()));
            rows.gate(inner, inner, up, weights.activation());
        }
        products.matmul(out, inner, weights.down());
        workspace.release(mark);
    }

    /** Both products of the same choices, whose rows are rounded once. */
    private void both(Product first, Product second, ExpertGroups.Tiles tiles, int tileRows) {
        if (products.isFloat(first.type())) {
            products.multiplyManyFloats(first, tiles);
            products.multiplyManyFloats(second, tiles);
        } else {
            long halves = products.halved(first);
            products.multiplyMany(first, halves, tiles, tileRows);
            products.multiplyMany(second, halves, tiles, tileRows);
        }
    }

    void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        if (x.rows() == 0) {
            return;
        }
        long mark = workspace.mark();
        int choices = ids.rows() * ids.columns();
        Tensor inner = workspace.take(choices, weights.gate().rows());
        Product probe = products.byExpert(0, x.rows(), card.address(x), weights.gate(), ids);
        boolean few = Products.isFewChoices(probe);
        if (few && isFused(weights.gate(), weights.up())) {
            long source = rounded(weights.gate(), card.address(x), x.rows());
            fusedGate(
                    inner,
                    source,
                    ids.columns(),
                    weights.gate(),
                    weights.up(),
                    card.address(ids),
                    weights.activation(),
                    card.addressOrNull(weights.gateBias()),
                    card.addressOrNull(weights.upBias()));
        } else {
            gateAndUp(inner, x, ids, weights, workspace);
        }
        if (few && isFused(weights.down(), weights.down())) {
            fusedDown(out, inner, ids, routeWeights, weights);
        } else {
            Tensor parts = workspace.take(choices, out.columns());
            products.matmulByExpert(parts, inner, weights.down(), ids);
            addBias(parts, weights.downBias(), ids);
            rows.combineExperts(out, parts, routeWeights, ids);
        }
        workspace.release(mark);
    }

    private void gateAndUp(
            Tensor gate, Tensor x, Tensor ids, ExpertWeights weights, Workspace workspace) {
        Tensor up = workspace.take(gate.rows(), weights.up().rows());
        Product first =
                products.byExpert(
                        card.address(gate), x.rows(), card.address(x), weights.gate(), ids);
        if (weights.gate().dtype() == weights.up().dtype() && !Products.isFewChoices(first)) {
            int tile = products.isFloat(first.type()) ? 64 : Products.tileRows(first);
            Product second = first.with(card.address(up), card.address(weights.up()));
            both(first, second, products.tiles(first, tile), tile);
        } else {
            products.multiply(first);
            products.matmulByExpert(up, x, weights.up(), ids);
        }
        addBias(gate, weights.gateBias(), ids);
        addBias(up, weights.upBias(), ids);
        rows.gate(gate, gate, up, weights.activation());
    }

    private void addBias(Tensor x, @Nullable Tensor bias, Tensor ids) {
        if (bias != null) {
            rows.addByExpert(x, bias, ids);
        }
    }

    /** Fused kernels take 8-bit or plain activations, whichever is the types' own. */
    private boolean isFused(Tensor first, Tensor second) {
        boolean rounded = first.dtype().isQuantized() && !card.options.exact();
        return first.dtype() == second.dtype() && (rounded || !first.dtype().isQuantized());
    }

    private long rounded(Tensor weight, long x, int rowCount) {
        return products.isPlain(weight.dtype()) ? x : rounding.codes(x, rowCount, weight.columns());
    }

    private void fusedGate(
            Tensor inner,
            long x,
            int share,
            Tensor gate,
            Tensor up,
            long ids,
            GatedActivation activation,
            long gateBias,
            long upBias) {
        queue.kernel(gated.of(gate.dtype()))
                .pointer(card.address(inner))
                .pointer(card.address(gate))
                .pointer(card.address(up))
                .pointer(x)
                .pointer(ids)
                .pointer(gateBias)
                .pointer(upBias)
                .number(inner.rows())
                .number(gate.rows())
                .number(gate.columns())
                .number(share)
                .wide(gate.matrixBytes())
                .number(RowOperations.kind(activation))
                .real(activation.alpha())
                .real(activation.limit())
                .launch(Products.ceil(gate.rows(), 4), inner.rows(), 128);
    }

    private void fusedDown(
            Tensor out, Tensor inner, Tensor ids, Tensor routeWeights, ExpertWeights weights) {
        long source = rounded(weights.down(), card.address(inner), inner.rows());
        queue.kernel(down.of(weights.down().dtype()))
                .pointer(card.address(out))
                .pointer(card.address(weights.down()))
                .pointer(source)
                .pointer(card.address(ids))
                .pointer(card.address(routeWeights))
                .pointer(card.addressOrNull(weights.downBias()))
                .number(out.rows())
                .number(ids.columns())
                .number(out.columns())
                .number(inner.columns())
                .wide(weights.down().matrixBytes())
                .launch(Products.ceil(out.columns(), 4), out.rows(), 128);
    }
}
