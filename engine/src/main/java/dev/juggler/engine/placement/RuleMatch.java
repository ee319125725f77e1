package dev.juggler.engine.placement;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which weights a rule is about: those that all conditions hold for. A condition that is null, or
 * no role, holds for all.
 *
 * @param roles what the weight is for
 * @param layers its layer; weights outside of all layers are in no set
 * @param tensor matches the whole name of its tensor
 * @param experts a part of a stack of experts; other weights are not matched
 */
public record RuleMatch(
        Set<Role> roles,
        @Nullable NumberSet layers,
        @Nullable Pattern tensor,
        @Nullable NumberSet experts) {
    public RuleMatch {
        roles = Set.copyOf(roles);
    }

    /** Whether the weight, or some experts of it, may be matched. */
    boolean matches(WeightDescriptor weight, int layerCount) {
        return (roles.isEmpty() || roles.contains(weight.role()))
                && (layers == null
                        || (weight.layer() != WeightDescriptor.NO_LAYER
                                && layers.contains(weight.layer(), layerCount, weight.moeLayer())))
                && (tensor == null || tensor.matcher(weight.name()).matches())
                && (experts == null || weight.experts() > 0);
    }

    /** Whether expert {@code id} of a stack of {@code count} is matched. */
    boolean includesExpert(int id, int count) {
        return experts == null || experts.contains(id, count, true);
    }

    /** In the words of the configuration. */
    @Override
    public String toString() {
        List<String> conditions = new ArrayList<>();
        if (!roles.isEmpty()) {
            conditions.add(
                    "role="
                            + String.join(
                                    ",", roles.stream().sorted().map(Role::toString).toList()));
        }
        if (layers != null) {
            conditions.add("layers=" + layers);
        }
        if (tensor != null) {
            conditions.add("tensor=" + tensor);
        }
        if (experts != null) {
            conditions.add("experts=" + experts);
        }
        return conditions.isEmpty() ? "everything" : String.join(" ", conditions);
    }
}
