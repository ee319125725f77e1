package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Applies rules to the weights of one model. */
final class PlacementResolver {
    private static final Decision BY_DEFAULT = new Decision(0, "default");

    private final PlacementRules rules;
    private final List<WeightDescriptor> weights;
    private final List<String> devices;
    private final String auto;
    private final int layerCount;
    private final List<String> ruleDevices = new ArrayList<>();
    private final List<Decision> decisions = new ArrayList<>();
    private final BitSet matching = new BitSet();
    private final BitSet deciding = new BitSet();
    private final BitSet choosingKernels = new BitSet();

    /**
     * @param auto what {@code auto} becomes: a device, or {@link PlacementRules#AUTO} where that is
     *     decided later
     */
    PlacementResolver(
            PlacementRules rules,
            List<WeightDescriptor> weights,
            List<String> devices,
            String auto) {
        if (devices.isEmpty()) {
            throw new IllegalArgumentException("no device to place weights on");
        }
        this.rules = rules;
        this.weights = weights;
        this.devices = devices;
        this.auto = auto;
        this.layerCount = 1 + weights.stream().mapToInt(WeightDescriptor::layer).max().orElse(-1);
    }

    Placement resolve() {
        String fallback = device(rules.defaultDevice(), "placement.default");
        for (PlacementRule rule : rules.rules()) {
            String device = rule.device();
            ruleDevices.add(device == null ? fallback : device(device, rule.toString()));
            decisions.add(new Decision(rule.number(), rule.match().toString()));
        }
        List<PlacedWeight> placed = new ArrayList<>();
        for (WeightDescriptor weight : weights) {
            placed.add(place(weight, fallback));
        }
        return new Placement(placed, List.of(), fallback, warnings());
    }

    /** The device that a rule means. */
    private String device(String name, String who) {
        if (name.equals(PlacementRules.AUTO)) {
            return auto;
        }
        if (!devices.contains(name)) {
            throw new PlacementException(
                    "%s: there is no device %s; known are %s, %s"
                            .formatted(who, name, PlacementRules.AUTO, String.join(", ", devices)));
        }
        return name;
    }

    private PlacedWeight place(WeightDescriptor weight, String fallback) {
        List<PlacementRule> candidates =
                rules.rules().stream()
                        .filter(rule -> rule.match().matches(weight, layerCount))
                        .toList();
        // where no rule speaks of single experts, one decision holds for the whole stack
        boolean byExpert = candidates.stream().anyMatch(rule -> rule.match().experts() != null);
        if (!byExpert) {
            Shard whole = shard(weight, 0, weight.experts(), candidates, fallback);
            return new PlacedWeight(weight, List.of(whole));
        }
        List<Shard> shards = new ArrayList<>();
        for (int expert = 0; expert < weight.experts(); expert++) {
            Shard shard = shard(weight, expert, 1, candidates, fallback);
            shards.add(shard);
        }
        return new PlacedWeight(weight, joined(shards));
    }

    /** The same with neighbours in one that are treated alike. */
    static List<Shard> joined(List<Shard> parts) {
        List<Shard> shards = new ArrayList<>();
        for (Shard shard : parts) {
            @Nullable Shard before = shards.isEmpty() ? null : shards.getLast();
            if (before != null && continues(before, shard)) {
                shards.set(
                        shards.size() - 1,
                        new Shard(
                                before.firstExpert(),
                                before.experts() + shard.experts(),
                                before.bytes() + shard.bytes(),
                                before.device(),
                                before.kernel(),
                                before.decision()));
            } else {
                shards.add(shard);
            }
        }
        return shards;
    }

    private static boolean continues(Shard before, Shard shard) {
        return before.device().equals(shard.device())
                && Objects.equals(before.kernel(), shard.kernel())
                && before.decision().equals(shard.decision());
    }

    /** Decides {@code count} experts that are treated alike, or a weight that is no stack. */
    private Shard shard(
            WeightDescriptor weight,
            int expert,
            int count,
            List<PlacementRule> candidates,
            String fallback) {
        int experts = weight.experts();
        @Nullable PlacementRule placing = null;
        @Nullable PlacementRule choosing = null;
        for (PlacementRule rule : candidates) {
            if (experts > 0 && !rule.match().includesExpert(expert, experts)) {
                continue;
            }
            matching.set(rule.number());
            checkOtherDevices(rule);
            if (rule.device() != null && placing == null) {
                placing = rule;
                deciding.set(rule.number());
            }
            if (rule.kernel() != null && choosing == null) {
                choosing = rule;
                deciding.set(rule.number());
                choosingKernels.set(rule.number());
            }
        }
        return new Shard(
                expert,
                count,
                experts == count ? weight.bytes() : weight.bytes() / experts * count,
                placing == null ? fallback : ruleDevices.get(placing.number() - 1),
                choosing == null ? null : choosing.kernel(),
                placing == null ? BY_DEFAULT : decisions.get(placing.number() - 1));
    }

    private void checkOtherDevices(PlacementRule rule) {
        if (rule.prefill() != null) {
            device(rule.prefill().device(), rule + ", prefill");
            deciding.set(rule.number());
        }
        if (rule.defer() != null) {
            deciding.set(rule.number());
        }
        if (rule.hot() != null) {
            device(rule.hot().device(), rule + ", hot");
            deciding.set(rule.number());
        }
    }

    private List<String> warnings() {
        List<String> warnings = new ArrayList<>();
        for (PlacementRule rule : rules.rules()) {
            if (!matching.get(rule.number())) {
                String problem =
                        "%s matches nothing: the model has %d layers and weights of the roles %s"
                                .formatted(rule, layerCount, roles());
                if (rule.required()) {
                    throw new PlacementException(problem);
                }
                warnings.add(problem);
            } else if (!deciding.get(rule.number())) {
                warnings.add(
                        "%s decides nothing: rules before it speak of all that it matches"
                                .formatted(rule));
            }
            if (choosingKernels.get(rule.number())) {
                warnings.add(
                        "%s: kernel = %s has no effect yet, devices choose their kernels"
                                .formatted(rule, rule.kernel()));
            }
        }
        return warnings;
    }

    private String roles() {
        return String.join(
                ", ",
                weights.stream()
                        .map(WeightDescriptor::role)
                        .distinct()
                        .sorted()
                        .map(Role::toString)
                        .toList());
    }
}
