package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;

/** Operations that work row by row or element by element, all in F32. */
final class RowOperations {
    private static final int BLOCK = 256;
    private static final int WIDE_BLOCK = 1024;
    private static final int WIDE = 2048;
    private static final int MANY_ROWS = 64;
    private static final int MOST_EXPERTS = 2048;

    private final Card card;
    private final LaunchQueue queue;
    private final Kernel embed;
    private final Kernel addByExpert;
    private final Kernel route;
    private final Kernel combine;
    private final Kernel rmsNorm;
    private final Kernel addRmsNorm;
    private final Kernel gate;
    private final Kernel add;
    private final Kernel addSigmoidScaled;
    private final Kernel gather;
    private final Kernel paste;

    RowOperations(Card card) {
        this.card = card;
        queue = card.queue;
        embed = card.module.kernel("embed");
        addByExpert = card.module.kernel("add_by_expert");
        route = card.module.kernel("route");
        combine = card.module.kernel("combine_experts");
        rmsNorm = card.module.kernel("rms_norm");
        addRmsNorm = card.module.kernel("add_rms_norm");
        gate = card.module.kernel("gate");
        add = card.module.kernel("add");
        addSigmoidScaled = card.module.kernel("add_sigmoid_scaled");
        gather = card.module.kernel("gather_rows");
        paste = card.module.kernel("paste_columns");
    }

    void embed(Tensor out, Tensor table, Tensor ids) {
        if (out.rows() > 0) {
            queue.kernel(embed)
                    .pointer(card.address(out))
                    .pointer(card.address(table))
                    .pointer(card.address(ids))
                    .number(out.rows())
                    .number(out.columns())
                    .number(table.rows())
                    .number(table.dtype().ggmlId())
                    .launch(Products.ceil(out.columns(), 2048), out.rows(), 128);
        }
    }

    void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        if (x.shape().elements() > 0) {
            queue.kernel(addByExpert)
                    .pointer(card.address(x))
                    .pointer(card.address(biases))
                    .pointer(card.address(ids))
                    .wide(x.shape().elements())
                    .number(x.columns())
                    .launch(Products.ceil(x.shape().elements(), BLOCK), BLOCK);
        }
    }

    void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        int experts = logits.columns();
        if (experts > MOST_EXPERTS) {
            throw new IllegalArgumentException(
                    "route: %d experts, this device chooses among at most %d"
                            .formatted(experts, MOST_EXPERTS));
        }
        if (logits.rows() == 0) {
            return;
        }
        int shared = experts * 12 + routing.groups() * Double.BYTES;
        queue.kernel(route)
                .pointer(card.address(ids))
                .pointer(card.address(weights))
                .pointer(card.address(logits))
                .pointer(card.addressOrNull(routing.choiceBias()))
                .number(logits.rows())
                .number(experts)
                .number(routing.used())
                .number(scoring(routing))
                .flag(routing.normalize())
                .real(routing.scale())
                .number(routing.groups())
                .number(routing.groupsUsed())
                .number(routing.groupBest())
                .launch(logits.rows(), 1, 1, 32, shared);
    }

    void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        if (out.rows() > 0) {
            queue.kernel(combine)
                    .pointer(card.address(out))
                    .pointer(card.address(y))
                    .pointer(card.address(weights))
                    .pointer(card.address(ids))
                    .number(out.rows())
                    .number(out.columns())
                    .number(ids.columns())
                    .launch(Products.ceil(out.columns(), BLOCK), out.rows(), BLOCK);
        }
    }

    void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        if (x.rows() > 0) {
            queue.kernel(rmsNorm)
                    .pointer(card.address(out))
                    .pointer(card.address(x))
                    .pointer(card.address(weight))
                    .number(x.rows())
                    .number(x.columns())
                    .real(epsilon)
                    .launch(x.rows(), normBlock(x));
        }
    }

    void addRmsNorm(Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        if (b.rows() != a.rows()) { // one row for all
            add(sum, a, b);
            rmsNorm(out, sum, weight, epsilon);
        } else if (a.rows() > 0) {
            queue.kernel(addRmsNorm)
                    .pointer(card.address(out))
                    .pointer(card.address(sum))
                    .pointer(card.address(a))
                    .pointer(card.address(b))
                    .pointer(card.address(weight))
                    .number(a.rows())
                    .number(a.columns())
                    .real(epsilon)
                    .launch(a.rows(), normBlock(a));
        }
    }

    /** The number that kernels know an activation by. */
    static int kind(GatedActivation activation) {
        return switch (activation.kind()) {
            case SWIGLU -> 0;
            case CLAMPED_SWIGLU -> 1;
        };
    }

    private static int scoring(Routing routing) {
        return switch (routing.scoring()) {
            case SOFTMAX -> 0;
            case SIGMOID -> 1;
            case SOFTMAX_OF_CHOSEN -> 2;
        };
    }

    private static int normBlock(Tensor x) {
        return x.columns() > WIDE && x.rows() < MANY_ROWS ? WIDE_BLOCK : BLOCK;
    }

    void gate(Tensor out, Tensor gates, Tensor ups, GatedActivation activation) {
        long count = out.shape().elements();
        if (count > 0) {
            queue.kernel(gate)
                    .pointer(card.address(out))
                    .pointer(card.address(gates))
                    .pointer(card.address(ups))
                    .wide(count)
                    .number(kind(activation))
                    .real(activation.alpha())
                    .real(activation.limit())
                    .launch(Products.ceil(count, BLOCK), BLOCK);
        }
    }

    void add(Tensor out, Tensor a, Tensor b) {
        long count = out.shape().elements();
        if (count > 0) {
            queue.kernel(add)
                    .pointer(card.address(out))
                    .pointer(card.address(a))
                    .pointer(card.address(b))
                    .wide(count)
                    .wide(b.shape().elements())
                    .launch(Products.ceil(count, BLOCK), BLOCK);
        }
    }

    void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        long count = out.shape().elements();
        if (count > 0) {
            queue.kernel(addSigmoidScaled)
                    .pointer(card.address(out))
                    .pointer(card.address(x))
                    .pointer(card.address(scores))
                    .wide(count)
                    .number(out.columns())
                    .launch(Products.ceil(count, BLOCK), BLOCK);
        }
    }

    void gatherRows(Tensor out, Tensor x, Tensor ids) {
        if (out.rows() > 0) {
            queue.kernel(gather)
                    .pointer(card.address(out))
                    .pointer(card.address(x))
                    .pointer(card.address(ids))
                    .number(out.rows())
                    .number(out.columns())
                    .number(x.rows())
                    .launch(Products.ceil(out.columns(), BLOCK), out.rows(), BLOCK);
        }
    }

    void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        if (out.rows() > 0) {
            queue.kernel(paste)
                    .pointer(card.address(out))
                    .pointer(card.address(x))
                    .number(out.rows())
                    .number(out.rows() / x.rows())
                    .number(columns)
                    .number(to)
                    .number(out.columns())
                    .number(from)
                    .number(x.columns())
                    .launch(Products.ceil(columns, BLOCK), out.rows(), BLOCK);
        }
    }
}
