package dev.juggler.engine.placement;

import com.typesafe.config.Config;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.placement.PlacementRule.HotExperts;
import dev.juggler.engine.placement.PlacementRule.PrefillDevice;
import dev.juggler.engine.text.Suggestions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where weights shall live: rules in order, of which the first that matches and speaks of a
 * property decides it, and a device for what is left.
 *
 * @param rules in the order of the configuration
 * @param defaultDevice device of weights that no rule places; {@code auto}: what suits them best
 * @param profile file with a {@link RoutingProfile}, relative to the model's folder, or null
 */
public record PlacementRules(
        List<PlacementRule> rules, String defaultDevice, @Nullable String profile) {
    /** The device that stands for the best available one. */
    public static final String AUTO = "auto";

    /** Moves of a step: a few, so that the link and main memory are left to the step itself. */
    private static final int USUAL_MOVES = 2;

    private static final List<String> FIXED_CHOICES = List.of("first", "frequency", "uniform");

    public PlacementRules {
        rules = List.copyOf(rules);
    }

    /** What {@code hot { choose }} knows without plugins. */
    public static List<String> choices() {
        List<String> choices = new ArrayList<>(FIXED_CHOICES);
        choices.addAll(ExpertCachePolicies.builtIn().names());
        return choices;
    }

    /** No rules: everything on the best device. */
    public static PlacementRules none() {
        return new PlacementRules(List.of(), AUTO, null);
    }

    /**
     * Parses the {@code placement} block of a model.
     *
     * @param placement the block itself: {@code rules} and {@code default}
     * @throws PlacementException naming place, key, value and what it must be; unknown keys are
     *     errors
     */
    public static PlacementRules parse(Config placement) {
        return parse(placement, ExpertCachePolicies.builtIn());
    }

    /**
     * Parses it likewise.
     *
     * @param policies what {@code hot { choose }} may name besides the choices that never change
     * @throws PlacementException likewise
     */
    public static PlacementRules parse(Config placement, ExpertCachePolicies policies) {
        ConfigSection section =
                ConfigSection.of(
                        placement.root(), "placement", Set.of("rules", "default", "profile"));
        List<PlacementRule> rules = new ArrayList<>();
        Set<String> known =
                Set.of("match", "device", "kernel", "hot", "prefill", "defer", "required");
        for (ConfigSection rule : section.sections("rules", known)) {
            rules.add(rule(rule, rules.size() + 1, policies));
        }
        @Nullable String device = section.text("default");
        return new PlacementRules(rules, device == null ? AUTO : device, section.text("profile"));
    }

    private Placement withHotExperts(
            Placement ruled,
            String host,
            Function<String, ExpertUse> profiles,
            @Nullable ExpertUse use) {
        return new HotExpertPlacer(this, ruled, host, profiles, use).place();
    }

    /** The profile of the whole placement, else the first that a rule names, else null. */
    public @Nullable String anyProfile() {
        if (profile != null) {
            return profile;
        }
        for (PlacementRule rule : rules) {
            HotExperts hot = rule.hot();
            if (hot != null && hot.profile() != null) {
                return hot.profile();
            }
        }
        return null;
    }

    /** The same rules where these devices are not there: what they name is left to {@code auto}. */
    public PlacementRules without(Set<String> devices) {
        return new PlacementRules(
                rules.stream().map(rule -> rule.without(devices)).toList(),
                devices.contains(defaultDevice) ? AUTO : defaultDevice,
                profile);
    }

    private static PlacementRule rule(
            ConfigSection section, int number, ExpertCachePolicies policies) {
        PlacementRule rule =
                new PlacementRule(
                        number,
                        match(
                                section.section(
                                        "match", Set.of("role", "layers", "tensor", "experts"))),
                        section.text("device"),
                        section.text("kernel"),
                        hot(
                                section.section(
                                        "hot",
                                        Set.of("device", "memory", "choose", "profile", "moves")),
                                policies),
                        prefill(
                                section.section(
                                        "prefill", Set.of("device", "when-rows", "memory"))),
                        section.wholeNumber("defer"),
                        section.truth("required", false),
                        section.origin());
        if (rule.device() == null
                && rule.kernel() == null
                && rule.hot() == null
                && rule.prefill() == null
                && rule.defer() == null) {
            throw new PlacementException(
                    "%s: %s says nothing; give it a device, kernel, hot, prefill or defer"
                            .formatted(section.origin(), section.path()));
        }
        if (rule.defer() != null && rule.match().experts() != null) {
            throw new PlacementException(
                    "%s: %s.defer is about all experts of a layer; give it a rule without match.experts"
                            .formatted(section.origin(), section.path()));
        }
        return rule;
    }

    private static RuleMatch match(@Nullable ConfigSection section) {
        if (section == null) {
            return new RuleMatch(Set.of(), null, null, null);
        }
        Set<Role> roles = section.parsed("role", PlacementRules::roles);
        return new RuleMatch(
                roles == null ? Set.of() : roles,
                section.parsed("layers", NumberSet::layers),
                section.parsed("tensor", PlacementRules::pattern),
                section.parsed("experts", NumberSet::experts));
    }

    private static Set<Role> roles(String text) {
        Set<Role> roles = EnumSet.noneOf(Role.class);
        for (String name : Pattern.compile("\\s*,\\s*").splitAsStream(text).toList()) {
            roles.add(
                    Arrays.stream(Role.values())
                            .filter(role -> role.toString().equals(name.toLowerCase(Locale.ROOT)))
                            .findFirst()
                            .orElseThrow(() -> new IllegalArgumentException(unknownRole(name))));
        }
        return roles;
    }

    private static String unknownRole(String name) {
        List<String> known = Arrays.stream(Role.values()).map(Role::toString).toList();
        return "a role%s".formatted(Suggestions.sentence(name, known, ""));
    }

    private static Pattern pattern(String text) {
        try {
            return Pattern.compile(text);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "a regular expression: " + e.getDescription() + " at " + e.getIndex(), e);
        }
    }

    private static @Nullable HotExperts hot(
            @Nullable ConfigSection section, ExpertCachePolicies policies) {
        if (section == null) {
            return null;
        }
        @Nullable String choose = section.text("choose");
        List<String> known = new ArrayList<>(FIXED_CHOICES);
        known.addAll(policies.names());
        if (choose != null && !known.contains(choose)) {
            throw section.mismatch("choose", "one of " + String.join(", ", known));
        }
        return new HotExperts(
                section.required("device"),
                section.bytes("memory"),
                choose == null ? "frequency" : choose,
                section.text("profile"),
                section.positive("moves", USUAL_MOVES));
    }

    private static @Nullable PrefillDevice prefill(@Nullable ConfigSection section) {
        if (section == null) {
            return null;
        }
        boolean auto = AUTO.equals(section.text("when-rows"));
        return new PrefillDevice(
                section.required("device"),
                auto ? null : Integer.valueOf(section.positive("when-rows", 1)),
                section.value("memory") == null ? null : Long.valueOf(section.bytes("memory")));
    }

    /**
     * Decides the device of each weight, where nothing but the names of the devices is known:
     * {@code auto} is the first, and no expert comes one layer later.
     *
     * @param weights all weights of a model
     * @param devices names of the devices there are, best first; at least one
     * @throws PlacementException if a rule names another device, a required rule matches nothing,
     *     or a rule asks for what is not there yet
     */
    public Placement resolve(List<WeightDescriptor> weights, List<String> devices) {
        Placement ruled =
                new PlacementResolver(this, weights, devices, devices.getFirst()).resolve();
        Placement hot =
                withHotExperts(
                        ruled,
                        devices.getFirst(),
                        name -> RoutingProfile.read(Path.of(name), weights),
                        null);
        return hot.withStreams(new PrefillPlacer(this, weights).candidates(Map.of()), List.of());
    }

    /**
     * Decides the device of each weight; {@code auto} fills the devices from their memory and
     * speed.
     *
     * @param weights all weights of a model
     * @param workload what must have room beside them
     * @param profiles reads a routing profile that {@code placement} or a {@code hot} block names
     * @throws PlacementException likewise
     */
    public Placement resolve(
            List<WeightDescriptor> weights,
            Hardware hardware,
            Workload workload,
            Function<String, ExpertUse> profiles) {
        Placement ruled = new PlacementResolver(this, weights, hardware.names(), AUTO).resolve();
        ExpertUse use = profile == null ? null : profiles.apply(profile);
        String host =
                (hardware.hosts().isEmpty() ? hardware.devices() : hardware.hosts())
                        .getFirst()
                        .device();
        Placement open = withHotExperts(ruled, host, profiles, use);
        if (rules.stream().allMatch(rule -> rule.prefill() == null)) {
            return withDeferrals(withAuto(open, hardware, workload, use), hardware);
        }
        PrefillPlacer prefill = new PrefillPlacer(this, weights);
        Map<String, Long> memory = new HashMap<>();
        hardware.devices().forEach(d -> memory.put(d.device(), d.memory().free()));
        List<StreamedExperts> candidates = prefill.candidates(memory);
        Placement placed =
                withAuto(open.withStreams(candidates, List.of()), hardware, workload, use);
        int experts = weights.stream().mapToInt(WeightDescriptor::experts).max().orElse(0);
        ExpertUse known =
                use == null ? ExpertUse.even(workload.step().expertsUsed(), experts) : use;
        List<StreamedExperts> used =
                prefill.worthIt(
                        candidates,
                        placed,
                        hardware,
                        workload.step().rows(),
                        (streams, rows) ->
                                new Predictor(
                                                placed.withStreams(streams, List.of()),
                                                workload,
                                                hardware,
                                                known)
                                        .seconds(rows));
        // where nothing crosses, the room of the buffers is for experts that stay
        Placement last = used.isEmpty() ? withAuto(open, hardware, workload, use) : placed;
        return withDeferrals(last.withStreams(used, prefill.warnings()), hardware);
    }

    private Placement withDeferrals(Placement placed, Hardware hardware) {
        return mostDeferred() == 0 ? placed : new DeferralPlacer(this, placed, hardware).place();
    }

    /** The largest number of experts that a rule lets come one layer later; 0 if none does. */
    public int mostDeferred() {
        int most = 0;
        for (PlacementRule rule : rules) {
            Integer defer = rule.defer();
            most = Math.max(most, defer == null ? 0 : defer);
        }
        return most;
    }

    private static Placement withAuto(
            Placement open, Hardware hardware, Workload workload, @Nullable ExpertUse use) {
        boolean auto =
                open.weights().stream()
                        .flatMap(placed -> placed.shards().stream())
                        .anyMatch(shard -> shard.device().equals(AUTO));
        if (!auto) {
            return open;
        }
        Placement placed = filled(open, hardware, hardware.accelerators(), workload, use);
        List<DeviceBudget> slow = hardware.slowAccelerators();
        if (slow.isEmpty()) {
            return placed;
        }
        if (Plan.of(placed, workload, hardware, (layer, expert) -> 0).fits()) {
            return warned(placed, "leaves out %s: it", slow);
        }
        List<DeviceBudget> all =
                Stream.concat(hardware.accelerators().stream(), slow.stream()).toList();
        return warned(
                filled(open, hardware, all, workload, use),
                "fills %s too, for want of room: it",
                slow);
    }

    private static Placement filled(
            Placement open,
            Hardware hardware,
            List<DeviceBudget> fillable,
            Workload workload,
            @Nullable ExpertUse use) {
        String first = hardware.names().getFirst();
        return new Placement(
                        new AutoPlacer(open, hardware, fillable, workload, use).place(),
                        open.liveExperts(),
                        open.defaultDevice().equals(AUTO) ? first : open.defaultDevice(),
                        open.warnings())
                .withStreams(open.streamedExperts(), List.of());
    }

    private static Placement warned(Placement placed, String what, List<DeviceBudget> slow) {
        String warning = "auto " + what + " reads no faster than main memory is read";
        return placed.withStreams(
                placed.streamedExperts(),
                slow.stream().map(device -> warning.formatted(device.device())).toList());
    }
}
