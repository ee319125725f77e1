package dev.juggler.engine.placement;

import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.List;

/** Weights of a model of six layers, of which the first is dense, with eight experts. */
final class TinyModel {
    static final int LAYERS = 6;
    static final int EXPERTS = 8;
    static final long EMBED_BYTES = 4_000;
    static final long ATTENTION_BYTES = 1_000;
    static final long STACK_BYTES = 800;
    static final long DENSE_BYTES = 600;

    private TinyModel() {}

    static List<WeightDescriptor> mixture() {
        List<WeightDescriptor> weights = new ArrayList<>();
        weights.add(outside("token_embd.weight", Role.EMBED, EMBED_BYTES));
        for (int layer = 0; layer < LAYERS; layer++) {
            String prefix = "blk.%d.".formatted(layer);
            boolean moe = layer > 0;
            weights.add(
                    new WeightDescriptor(
                            prefix + "attn_norm.weight", Role.NORM, layer, moe, DType.F32, 40, 0));
            weights.add(
                    new WeightDescriptor(
                            prefix + "attn_q.weight",
                            Role.ATTENTION,
                            layer,
                            moe,
                            DType.Q8_0,
                            ATTENTION_BYTES,
                            0));
            if (moe) {
                weights.add(
                        new WeightDescriptor(
                                prefix + "ffn_gate_inp.weight",
                                Role.ROUTER,
                                layer,
                                true,
                                DType.F32,
                                320,
                                0));
                weights.add(
                        new WeightDescriptor(
                                prefix + "ffn_up_exps.weight",
                                Role.EXPERTS,
                                layer,
                                true,
                                DType.Q4_K,
                                STACK_BYTES,
                                EXPERTS));
            } else {
                weights.add(
                        new WeightDescriptor(
                                prefix + "ffn_up.weight",
                                Role.FFN,
                                layer,
                                false,
                                DType.Q4_K,
                                DENSE_BYTES,
                                0));
            }
        }
        weights.add(outside("output_norm.weight", Role.NORM, 40));
        weights.add(outside("output.weight", Role.HEAD, EMBED_BYTES));
        return weights;
    }

    static WeightDescriptor outside(String name, Role role, long bytes) {
        return new WeightDescriptor(
                name, role, WeightDescriptor.NO_LAYER, false, DType.Q8_0, bytes, 0);
    }
}
