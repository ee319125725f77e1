package dev.juggler.engine.placement;

import com.typesafe.config.ConfigUtil;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Writes a placement as the rules that give the same one again, whatever decided it: the device
 * with most of the weights as the default, and a rule for all that is alike elsewhere.
 */
final class PlacementHocon {
    private static final String ALL = "";

    private final List<String> rules = new ArrayList<>();
    private final Placement placement;
    private final String fallback;

    /** Weights of one role in one layer. */
    private record Group(Role role, int layer) {}

    /** What a rule decides, and of which experts. */
    private record Choice(String device, @Nullable String kernel, String experts) {}

    private PlacementHocon(Placement placement) {
        this.placement = placement;
        Map<String, Long> bytes = new TreeMap<>();
        for (PlacedWeight placed : placement.weights()) {
            placed.shards().forEach(shard -> bytes.merge(shard.device(), shard.bytes(), Long::sum));
        }
        fallback =
                bytes.entrySet().stream()
                        .max(Map.Entry.comparingByValue())
                        .map(Map.Entry::getKey)
                        .orElse(placement.defaultDevice());
    }

    /** The {@code placement} block of a model. */
    static String of(Placement placement) {
        return new PlacementHocon(placement).text();
    }

    private String text() {
        Map<Group, List<PlacedWeight>> groups = new LinkedHashMap<>();
        for (PlacedWeight placed : placement.weights()) {
            WeightDescriptor weight = placed.weight();
            groups.computeIfAbsent(new Group(weight.role(), weight.layer()), g -> new ArrayList<>())
                    .add(placed);
        }
        Map<Choice, Map<Role, BitSet>> layers = new LinkedHashMap<>();
        Map<Choice, Set<Role>> outside = new LinkedHashMap<>();
        groups.forEach((group, weights) -> {
            List<Choice> choices = choices(weights.getFirst());
            if (weights.stream().anyMatch(placed -> !choices(placed).equals(choices))) {
                weights.forEach(this::pinTensor);
            } else if (group.layer == WeightDescriptor.NO_LAYER) {
                for (Choice choice : choices) {
                    outside.computeIfAbsent(choice, c -> new TreeSet<>()).add(group.role);
                }
            } else {
                for (Choice choice : choices) {
                    layers.computeIfAbsent(choice, c -> new TreeMap<>())
                            .computeIfAbsent(group.role, role -> new BitSet())
                            .set(group.layer);
                }
            }
        });
        // a rule without layers would match weights inside layers too, so those come first
        layers.forEach(this::pinLayers);
        outside.forEach((choice, roles) -> pinOutside(choice, roles, groups));
        liveRules();
        streamRules();
        deferRules();
        StringBuilder text = new StringBuilder("placement {\n  rules = [\n");
        rules.forEach(rule -> text.append("    ").append(rule).append('\n'));
        return text.append("  ]\n  default = ")
                .append(ConfigUtil.quoteString(fallback))
                .append("\n}\n")
                .toString();
    }

    /** Layers with as many experts of the same size that come and go share a rule. */
    private void liveRules() {
        Map<String, List<LiveExperts>> alike = new LinkedHashMap<>();
        for (LiveExperts experts : placement.liveExperts()) {
            String hot =
                    "%s %s %d %d %d %s"
                            .formatted(
                                    experts.device(),
                                    experts.policy(),
                                    experts.moves(),
                                    experts.places(),
                                    experts.expertBytes(),
                                    NumberRuns.text(experts.candidates()));
            alike.computeIfAbsent(hot, key -> new ArrayList<>()).add(experts);
        }
        for (List<LiveExperts> group : alike.values()) {
            LiveExperts first = group.getFirst();
            rules.add(
                    "{ match { role = experts, layers = \"%s\", experts = \"%s\" }, hot { device = %s, memory = %dB, choose = %s, moves = %d } }"
                            .formatted(
                                    NumberRuns.text(
                                            group.stream().map(LiveExperts::layer).toList()),
                                    NumberRuns.text(first.candidates()),
                                    ConfigUtil.quoteString(first.device()),
                                    first.bytes() * group.size(),
                                    first.policy(),
                                    first.moves()));
        }
    }

    private void streamRules() {
        Map<String, BitSet> alike = new LinkedHashMap<>();
        for (StreamedExperts stream : placement.streamedExperts()) {
            String prefill =
                    "device = %s, when-rows = %d, memory = %dB"
                            .formatted(
                                    ConfigUtil.quoteString(stream.device()),
                                    stream.whenRows(),
                                    2 * stream.bufferBytes());
            alike.computeIfAbsent(prefill, key -> new BitSet()).set(stream.layer());
        }
        alike.forEach((prefill, layers) ->
                rules.add(
                        "{ match { role = experts, layers = \"%s\" }, prefill { %s } }"
                                .formatted(NumberRuns.text(layers), prefill)));
    }

    private void deferRules() {
        Map<Integer, BitSet> alike = new TreeMap<>();
        for (Deferral deferral : placement.deferrals()) {
            alike.computeIfAbsent(deferral.experts(), experts -> new BitSet())
                    .set(deferral.layer());
        }
        alike.forEach((experts, layers) ->
                rules.add(
                        "{ match { role = experts, layers = \"%s\" }, defer = %d }"
                                .formatted(NumberRuns.text(layers), experts)));
    }

    /** What is not left to the default: a choice for each device that has a part of a weight. */
    private List<Choice> choices(PlacedWeight placed) {
        Map<Choice, BitSet> experts = new LinkedHashMap<>();
        for (Shard shard : placed.shards()) {
            if (!shard.device().equals(fallback) || shard.kernel() != null) {
                experts.computeIfAbsent(
                                new Choice(shard.device(), shard.kernel(), ALL),
                                choice -> new BitSet())
                        .set(shard.firstExpert(), shard.firstExpert() + shard.experts());
            }
        }
        int count = placed.weight().experts();
        return experts.entrySet().stream()
                .map(entry ->
                        entry.getValue().cardinality() == count
                                ? entry.getKey()
                                : new Choice(
                                        entry.getKey().device,
                                        entry.getKey().kernel,
                                        NumberRuns.text(entry.getValue())))
                .sorted(Comparator.comparing(Choice::toString))
                .toList();
    }

    private void pinTensor(PlacedWeight placed) {
        String name =
                Pattern.compile("[.\\[\\]{}()*+?^$|\\\\]")
                        .matcher(placed.weight().name())
                        .replaceAll("\\\\$0");
        String match =
                "role = %s, tensor = %s"
                        .formatted(placed.weight().role(), ConfigUtil.quoteString(name));
        choices(placed).forEach(choice -> add(match, choice));
    }

    /** Roles whose layers are the same share a rule. */
    private void pinLayers(Choice choice, Map<Role, BitSet> roles) {
        Map<String, List<Role>> byLayers = new LinkedHashMap<>();
        roles.forEach((role, layers) ->
                byLayers.computeIfAbsent(NumberRuns.text(layers), text -> new ArrayList<>())
                        .add(role));
        byLayers.forEach((layers, alike) ->
                add("role = %s, layers = \"%s\"".formatted(names(alike), layers), choice));
    }

    /** A weight outside of layers whose role is also inside is named, as no set has it. */
    private void pinOutside(Choice choice, Set<Role> roles, Map<Group, List<PlacedWeight>> groups) {
        List<Role> alone = new ArrayList<>();
        for (Role role : roles) {
            if (groups.keySet().stream().noneMatch(g -> g.role == role && g.layer >= 0)) {
                alone.add(role);
                continue;
            }
            for (PlacedWeight placed :
                    groups.getOrDefault(new Group(role, WeightDescriptor.NO_LAYER), List.of())) {
                pinTensor(placed);
            }
        }
        if (!alone.isEmpty()) {
            add("role = " + names(alone), choice);
        }
    }

    private static String names(List<Role> roles) {
        return roles.size() == 1
                ? roles.getFirst().toString()
                : roles.stream().map(Role::toString).collect(Collectors.joining(", ", "[", "]"));
    }

    private void add(String match, Choice choice) {
        String experts =
                choice.experts.isEmpty() ? "" : ", experts = \"%s\"".formatted(choice.experts);
        String kernel =
                choice.kernel == null ? "" : ", kernel = " + ConfigUtil.quoteString(choice.kernel);
        rules.add(
                "{ match { %s%s }, device = %s%s }"
                        .formatted(match, experts, ConfigUtil.quoteString(choice.device), kernel));
    }
}
