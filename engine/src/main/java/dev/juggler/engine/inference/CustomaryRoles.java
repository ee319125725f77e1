package dev.juggler.engine.inference;

import dev.juggler.engine.placement.Role;
import java.util.Optional;

/**
 * What a tensor is probably for, by the names that most GGUF files use. Only for looking at files
 * that no architecture reads: where one does, it says itself what it takes a tensor for.
 */
final class CustomaryRoles {
    private CustomaryRoles() {}

    static Optional<Role> of(String tensor) {
        String name = tensor.replaceFirst("^blk\\.\\d+\\.", "");
        if (name.startsWith("token_embd.")) {
            return Optional.of(Role.EMBED);
        } else if (name.startsWith("output.")) {
            return Optional.of(Role.HEAD);
        } else if (name.contains("_shexp.")) {
            return Optional.of(Role.SHARED_EXPERT);
        } else if (name.contains("_exps.") || name.contains("_chexps.")) {
            return Optional.of(Role.EXPERTS);
        } else if (name.startsWith("ffn_gate_inp.") || name.startsWith("exp_probs_b.")) {
            return Optional.of(Role.ROUTER);
        } else if (name.matches("(attn|rope|ssm|time_mix|shortconv|indexer)[_.].*")
                && !name.matches("attn_(post_)?norm(_\\d)?\\..*")) {
            return Optional.of(Role.ATTENTION);
        } else if (name.contains("norm")) {
            return Optional.of(Role.NORM);
        }
        return name.startsWith("ffn_") ? Optional.of(Role.FFN) : Optional.empty();
    }
}
