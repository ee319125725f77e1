package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decides the devices of what the rules leave open. In this order, as far as there is room on
 * devices with memory of their own: of every layer what each token reads (attention, router, shared
 * expert, dense block) together with its cache, and the head; then experts, those that are used
 * most first. The rest, and the embeddings, of which a token reads one row, stay in main memory.
 */
final class AutoPlacer {
    static final String EVERY_TOKEN = "auto: every token reads it";
    static final String EMBEDDING = "auto: a token reads one row of it";
    static final String WHOLE_LAYERS = "auto: experts of whole layers as far as there is room";
    static final String HOTTEST = "auto: experts that are used most, by the routing profile";
    static final String NO_ROOM = "auto: no room on faster devices";
    static final String WITH_OTHERS = "auto: with the layer's other experts";
    static final String ALL_FITS = "auto: all of it has room";

    /** What is kept free of a device: drivers and libraries take memory that nobody counts. */
    private static final long MOST_KEPT_FREE = 512L << 20;

    private static final int PART_KEPT_FREE = 32;
    private static final int NOWHERE = -1;

    /** The head comes behind all layers. */
    private static final int HEAD = Integer.MAX_VALUE;

    private final List<PlacedWeight> weights;
    private final List<LiveExperts> live;
    private final Map<String, Long> streamBuffers = new HashMap<>();
    private final Workload workload;
    private final @Nullable ExpertUse profile;
    private final List<DeviceBudget> fast;
    private final long[] left;
    private final String host;
    private final TreeMap<Integer, Layer> layers = new TreeMap<>();
    private final Map<Integer, Map<Integer, String>> ruled = new HashMap<>();
    private boolean allFits;

    /** Bytes that rules leave open, and where they go. */
    private static final class Layer {
        long core;
        final TreeMap<Integer, Long> experts = new TreeMap<>();
        final Map<Integer, Integer> expertDevices = new HashMap<>();
        int device = NOWHERE;

        /** Where experts go that have no room beside the layer. */
        int overflow = NOWHERE;

        long expertBytes() {
            return experts.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    private record Candidate(int layer, int expert, double share) {}

    /**
     * @param ruled with {@link PlacementRules#AUTO} as the device of what is left open
     * @param fillable devices with memory of their own that may be filled
     * @param profile how often experts are used, or null if nobody knows
     */
    AutoPlacer(
            Placement ruled,
            Hardware hardware,
            List<DeviceBudget> fillable,
            Workload workload,
            @Nullable ExpertUse profile) {
        this.weights = ruled.weights();
        this.live = ruled.liveExperts();
        ruled.streamedExperts().forEach(s -> streamBuffers.put(s.device(), 2 * s.bufferBytes()));
        this.workload = workload;
        this.profile = profile;
        fast =
                fillable.stream()
                        .sorted(Comparator.comparingDouble(DeviceBudget::bytesPerSecond).reversed())
                        .toList();
        DeviceBudget first = hardware.devices().getFirst();
        boolean alone = first.hostMemory() || hardware.hosts().isEmpty();
        host = (alone ? first : hardware.hosts().getFirst()).device();
        left = new long[fast.size()];
    }

    /** The weights with a device each. */
    List<PlacedWeight> place() {
        collectRuled();
        if (!fast.isEmpty()) {
            measureRoom();
            collectLayers();
            allFits = placeEverything();
            if (!allFits) {
                placeCores();
                placeExperts();
            }
        }
        return weights.stream().map(this::decided).toList();
    }

    /** What rules and a step's buffers leave of each device. */
    private void measureRoom() {
        for (int i = 0; i < left.length; i++) {
            long free = fast.get(i).memory().free();
            long kept = Math.min(MOST_KEPT_FREE, free / PART_KEPT_FREE);
            left[i] = free - kept - workload.step().bufferBytes();
        }
        Set<String> counted = new HashSet<>();
        for (PlacedWeight placed : weights) {
            for (Shard shard : placed.shards()) {
                String once = shard.device() + " " + shard.firstExpert() + placed.weight().name();
                if (counted.add(once)) {
                    charge(shard.device(), shard.bytes());
                }
            }
        }
        live.forEach(experts -> charge(experts.device(), experts.bytes()));
        streamBuffers.forEach(this::charge);
        for (int layer = 0; layer < workload.cache().layers().size(); layer++) {
            charge(cacheDevice(layer), workload.cache().bytes(layer));
        }
    }

    private void charge(String device, long bytes) {
        for (int i = 0; i < left.length; i++) {
            if (fast.get(i).device().equals(device)) {
                left[i] -= bytes;
            }
        }
    }

    /** Where rules put a layer's cache; {@code auto} if they leave it open. */
    private String cacheDevice(int layer) {
        return weights.stream()
                .filter(placed ->
                        placed.weight().layer() == layer
                                && placed.weight().role() == Role.ATTENTION)
                .findFirst()
                .map(placed -> placed.shards().getFirst().device())
                .orElse(PlacementRules.AUTO);
    }

    private void collectLayers() {
        layers.put(HEAD, new Layer());
        for (PlacedWeight placed : weights) {
            WeightDescriptor weight = placed.weight();
            if (weight.role() == Role.EMBED) {
                continue;
            }
            Layer layer = layers.computeIfAbsent(layerOf(weight), number -> new Layer());
            for (Shard shard : placed.shards()) {
                if (!isOpen(shard)) {
                    continue;
                }
                if (weight.role() != Role.EXPERTS || shard.experts() == 0) {
                    layer.core += shard.bytes();
                    continue;
                }
                for (int e = shard.firstExpert(); e < shard.firstExpert() + shard.experts(); e++) {
                    if (ruledDevice(weight.layer(), e) == null) {
                        layer.experts.merge(e, shard.bytes() / shard.experts(), Long::sum);
                    }
                }
            }
        }
        for (int number = 0; number < workload.cache().layers().size(); number++) {
            if (cacheDevice(number).equals(PlacementRules.AUTO)) {
                Layer layer = layers.computeIfAbsent(number, n -> new Layer());
                layer.core += workload.cache().bytes(number);
            }
        }
    }

    private static int layerOf(WeightDescriptor weight) {
        return weight.layer() == WeightDescriptor.NO_LAYER ? HEAD : weight.layer();
    }

    private static boolean isOpen(Shard shard) {
        return shard.device().equals(PlacementRules.AUTO);
    }

    /** Where rules put an expert in one of its layer's stacks, the other stacks must follow. */
    private void collectRuled() {
        for (PlacedWeight placed : weights) {
            if (placed.weight().role() != Role.EXPERTS) {
                continue;
            }
            Map<Integer, String> devices =
                    ruled.computeIfAbsent(placed.weight().layer(), layer -> new HashMap<>());
            for (Shard shard : placed.shards()) {
                if (!isOpen(shard)) {
                    for (int i = 0; i < shard.experts(); i++) {
                        devices.putIfAbsent(shard.firstExpert() + i, shard.device());
                    }
                }
            }
        }
    }

    private @Nullable String ruledDevice(int layer, int expert) {
        return ruled.getOrDefault(layer, Map.of()).get(expert);
    }

    private LayerFill fill() {
        return new LayerFill(
                Arrays.stream(left).map(room -> Math.max(0, room)).boxed().toList(),
                fast.stream().map(DeviceBudget::bytesPerSecond).toList());
    }

    /** True if layers with all their experts have room: then nothing must be chosen. */
    private boolean placeEverything() {
        List<Layer> all = List.copyOf(layers.values());
        long[] pieces = all.stream().mapToLong(layer -> layer.core + layer.expertBytes()).toArray();
        int[] devices = fill().assign(pieces);
        if (devices.length < pieces.length) {
            return false;
        }
        for (int i = 0; i < pieces.length; i++) {
            Layer layer = all.get(i);
            layer.device = devices[i];
            left[devices[i]] -= pieces[i];
            layer.experts.keySet().forEach(expert -> layer.expertDevices.put(expert, layer.device));
        }
        return true;
    }

    /** As many layers as have room, the last ones and the head: they are one run. */
    private void placeCores() {
        List<Layer> all = List.copyOf(layers.values());
        for (int first = 0; first < all.size(); first++) {
            List<Layer> run = all.subList(first, all.size());
            long[] pieces = run.stream().mapToLong(layer -> layer.core).toArray();
            int[] devices = fill().assign(pieces);
            if (devices.length < pieces.length) {
                continue;
            }
            for (int i = 0; i < pieces.length; i++) {
                run.get(i).device = devices[i];
                left[devices[i]] -= pieces[i];
            }
            return;
        }
    }

    private void placeExperts() {
        List<Candidate> candidates = new ArrayList<>();
        layers.forEach((number, layer) -> {
            for (int expert : layer.experts.keySet()) {
                double share = profile == null ? 0 : profile.share(number, expert);
                candidates.add(new Candidate(number, expert, share));
            }
        });
        if (profile != null) {
            candidates.sort(Comparator.comparingDouble(Candidate::share).reversed());
        } else {
            // layers on a device first, so that its room goes to experts beside their layers
            placeExperts(candidates, true);
        }
        placeExperts(candidates, false);
    }

    private void placeExperts(List<Candidate> candidates, boolean besideLayer) {
        boolean[] full = new boolean[left.length];
        for (Candidate candidate : candidates) {
            Layer layer = layers.get(candidate.layer);
            if (layer == null
                    || layer.device == NOWHERE // rows would travel for a few of its experts
                    || layer.expertDevices.containsKey(candidate.expert)) {
                continue;
            }
            long bytes = layer.experts.getOrDefault(candidate.expert, 0L);
            int device = layer.device;
            if (!besideLayer && left[device] < bytes) {
                device = overflow(layer, bytes);
            }
            if (full[device]) {
                continue;
            }
            if (left[device] >= bytes) {
                left[device] -= bytes;
                layer.expertDevices.put(candidate.expert, device);
            } else {
                // without a profile a smaller expert of a later layer is no reason to split that
                full[device] = profile == null;
            }
        }
    }

    /** One device as long as it has room: rows of a layer should travel to few devices. */
    private int overflow(Layer layer, long bytes) {
        if (layer.overflow == NOWHERE || left[layer.overflow] < bytes) {
            layer.overflow = roomiest();
        }
        return layer.overflow;
    }

    private int roomiest() {
        int best = 0;
        for (int device = 1; device < left.length; device++) {
            best = left[device] > left[best] ? device : best;
        }
        return best;
    }

    private PlacedWeight decided(PlacedWeight placed) {
        if (placed.shards().stream().noneMatch(AutoPlacer::isOpen)) {
            return placed;
        }
        List<Shard> shards = new ArrayList<>();
        for (Shard shard : placed.shards()) {
            if (!isOpen(shard)) {
                shards.add(shard);
            } else if (placed.weight().role() == Role.EXPERTS && shard.experts() > 0) {
                addExperts(placed.weight(), shard, shards);
            } else {
                shards.add(coreShard(placed.weight(), shard));
            }
        }
        return new PlacedWeight(placed.weight(), PlacementResolver.joined(shards));
    }

    /** Experts in runs that go the same way. */
    private void addExperts(WeightDescriptor weight, Shard open, List<Shard> shards) {
        Map<Integer, String> ruledDevices = ruled.getOrDefault(weight.layer(), Map.of());
        Map<Integer, Integer> chosen =
                layers.getOrDefault(weight.layer(), new Layer()).expertDevices;
        int end = open.firstExpert() + open.experts();
        for (int first = open.firstExpert(), next; first < end; first = next) {
            String ruledDevice = ruledDevices.get(first);
            Integer device = chosen.get(first);
            next = first + 1;
            while (next < end
                    && Objects.equals(ruledDevice, ruledDevices.get(next))
                    && Objects.equals(device, chosen.get(next))) {
                next++;
            }
            shards.add(experts(open, first, next - first, ruledDevice, device));
        }
    }

    private Shard experts(
            Shard open,
            int first,
            int count,
            @Nullable String ruledDevice,
            @Nullable Integer device) {
        String name = device == null ? host : fast.get(device).device();
        String chosen = allFits ? ALL_FITS : profile == null ? WHOLE_LAYERS : HOTTEST;
        String why = device == null ? NO_ROOM : chosen;
        return new Shard(
                first,
                count,
                open.bytes() / open.experts() * count,
                ruledDevice != null ? ruledDevice : name,
                open.kernel(),
                because(open.decision(), ruledDevice != null ? WITH_OTHERS : why));
    }

    private Shard coreShard(WeightDescriptor weight, Shard open) {
        int device = weight.role() == Role.EMBED ? embedDevice(weight) : deviceOf(weight);
        String why = device == NOWHERE ? NO_ROOM : EVERY_TOKEN;
        if (weight.role() == Role.EMBED) {
            why = device == NOWHERE ? EMBEDDING : ALL_FITS;
        }
        return new Shard(
                open.firstExpert(),
                open.experts(),
                open.bytes(),
                device == NOWHERE ? host : fast.get(device).device(),
                open.kernel(),
                because(open.decision(), why));
    }

    private int deviceOf(WeightDescriptor weight) {
        return layers.getOrDefault(layerOf(weight), new Layer()).device;
    }

    /** With the head if they are one tensor; on a device only if all else is on devices too. */
    private int embedDevice(WeightDescriptor embed) {
        if (fast.isEmpty()) {
            return NOWHERE;
        }
        Layer head = layers.getOrDefault(HEAD, new Layer());
        boolean tied =
                weights.stream()
                        .anyMatch(placed ->
                                placed.weight().role() == Role.HEAD
                                        && placed.weight().name().equals(embed.name())
                                        && placed.shards().stream().allMatch(AutoPlacer::isOpen));
        if (tied) {
            return head.device;
        }
        boolean allPlaced =
                layers.values().stream()
                        .allMatch(layer ->
                                layer.device != NOWHERE
                                        && layer.expertDevices
                                                .keySet()
                                                .containsAll(layer.experts.keySet()));
        int first = layers.firstEntry().getValue().device;
        return allPlaced && first != NOWHERE && left[first] >= embed.bytes() ? first : NOWHERE;
    }

    private Decision because(Decision decision, String why) {
        if (fast.isEmpty()) {
            return decision;
        }
        return new Decision(
                decision.rule(), decision.rule() == 0 ? why : decision.text() + "; " + why);
    }
}
