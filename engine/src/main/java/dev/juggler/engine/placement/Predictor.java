package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Adds up the time of a step. What a step computes is done one after the other, so times add up;
 * but the experts of one layer that are on different devices are computed at the same time, so
 * there the slowest counts. A device takes for its part of a layer the time to read the weights
 * that the step's rows use, or to multiply with them, whichever is longer. Where the next part is
 * in another memory, the activations of the rows cross the link. Experts of a generated token that
 * come one layer later are read while the next layer's attention is computed, so there the longer
 * counts.
 */
final class Predictor {
    private static final String LINK = "link";

    private final Placement placement;
    private final Workload workload;
    private final Hardware hardware;
    private final ExpertUse use;
    private final Map<Integer, List<PlacedWeight>> byLayer = new TreeMap<>();

    /** Seconds of one step, by what takes them. */
    private static final class Time {
        final int rows;
        final Map<String, Double> seconds = new LinkedHashMap<>();
        int memory;

        /** What the processor does for the layer before, and the device that does it. */
        double late;

        @Nullable DeviceBudget lateDevice;

        Time(int rows, int memory) {
            this.rows = rows;
            this.memory = memory;
        }

        void add(String label, double more) {
            seconds.merge(label, more, Double::sum);
        }

        double total() {
            return seconds.values().stream().mapToDouble(Double::doubleValue).sum();
        }
    }

    /** What a step does with some weights on one device. */
    private static final class Work {
        double bytes;
        double operations;
    }

    Predictor(Placement placement, Workload workload, Hardware hardware, ExpertUse use) {
        this.placement = placement;
        this.workload = workload;
        this.hardware = hardware;
        this.use = use;
        placement
                .weights()
                .forEach(placed ->
                        byLayer.computeIfAbsent(placed.weight().layer(), l -> new ArrayList<>())
                                .add(placed));
    }

    Prediction predict() {
        Time decode = step(1, false);
        Time full = step(1, true);
        Time prefill = step(Math.max(1, workload.step().rows()), false);
        return new Prediction(
                rate(decode),
                rate(full),
                rate(prefill),
                decode.seconds.entrySet().stream()
                        .max(Comparator.comparingDouble(Map.Entry::getValue))
                        .map(Map.Entry::getKey)
                        .orElse("nothing"));
    }

    /** Of a step of so many rows at the start of a sequence. */
    double seconds(int rows) {
        return step(rows, false).total();
    }

    private static double rate(Time time) {
        double total = time.total();
        return total > 0 ? time.rows / total : 0;
    }

    private Time step(int rows, boolean fullContext) {
        List<PlacedWeight> outside = byLayer.getOrDefault(WeightDescriptor.NO_LAYER, List.of());
        Time time = new Time(rows, memoryOf(outside, Role.EMBED));
        for (Map.Entry<Integer, List<PlacedWeight>> layer : byLayer.entrySet()) {
            if (layer.getKey() != WeightDescriptor.NO_LAYER) {
                layer(time, layer.getKey(), layer.getValue(), fullContext);
            }
        }
        // only the rows whose logits are wanted, one of a prompt, go through the head
        compute(time, outside.stream().filter(p -> p.weight().role() != Role.EMBED).toList(), 1);
        return time;
    }

    private int memoryOf(List<PlacedWeight> weights, Role role) {
        return weights.stream()
                .filter(placed -> placed.weight().role() == role)
                .findFirst()
                .map(placed -> hardware.memory(placed.shards().getFirst().device()))
                .orElse(-1);
    }

    private void layer(Time time, int layer, List<PlacedWeight> weights, boolean fullContext) {
        List<PlacedWeight> attention = new ArrayList<>();
        List<PlacedWeight> others = new ArrayList<>();
        List<PlacedWeight> experts = new ArrayList<>();
        for (PlacedWeight placed : weights) {
            switch (placed.weight().role()) {
                case EXPERTS -> experts.add(placed);
                case ATTENTION -> attention.add(placed);
                case NORM -> {} // read where its neighbours are, and too small to count
                default -> others.add(placed);
            }
        }
        double before = time.total();
        compute(time, attention, time.rows);
        if (fullContext && layer < workload.cache().layers().size()) {
            DeviceBudget device = hardware.device(placement.cacheDevice(layer));
            time.add(reading(device), workload.cacheBytesPerToken(layer) / device.bytesPerSecond());
        }
        compute(time, others, time.rows);
        if (time.lateDevice != null) {
            double waiting = time.late - (time.total() - before);
            time.add(reading(time.lateDevice), Math.max(0, waiting));
            time.lateDevice = null;
        }
        experts(time, experts, time.rows == 1 ? placement.deferral(layer) : null);
    }

    /** Weights that all rows use, one device after the other. */
    private void compute(Time time, List<PlacedWeight> weights, int rows) {
        Map<String, Work> byDevice = new LinkedHashMap<>();
        for (PlacedWeight placed : weights) {
            for (Shard shard : placed.shards()) {
                Work work = byDevice.computeIfAbsent(shard.device(), device -> new Work());
                work.bytes += shard.bytes();
                work.operations += 2.0 * elements(placed.weight(), (double) shard.bytes()) * rows;
            }
        }
        byDevice.forEach((name, work) -> {
            DeviceBudget device = hardware.device(name);
            int memory = hardware.memory(name);
            if (memory != time.memory) {
                hop(time, rows);
                time.memory = memory;
            }
            time.add(label(device, work), seconds(device, work));
        });
    }

    /**
     * Devices work at the same time; where one is elsewhere, rows go there and sums come back. Of
     * those in main memory some may be left to the next layer.
     */
    private void experts(Time time, List<PlacedWeight> stacks, @Nullable Deferral deferral) {
        Map<String, Work> byDevice = new LinkedHashMap<>();
        double crossing = 0;
        for (PlacedWeight placed : stacks) {
            for (Shard shard : placed.shards()) {
                Work work = byDevice.computeIfAbsent(shard.device(), device -> new Work());
                if (shard.experts() == 0) {
                    work.bytes += shard.bytes();
                    continue;
                }
                crossing += add(byDevice, placed.weight(), shard, time.rows);
            }
        }
        if (deferral != null) {
            leave(time, byDevice, deferral);
        }
        // what crosses the link does so while the devices compute
        double link = crossing / hardware.linkBytesPerSecond();
        boolean elsewhere = false;
        DeviceBudget slowest = null;
        double most = 0;
        for (Map.Entry<String, Work> part : byDevice.entrySet()) {
            DeviceBudget device = hardware.device(part.getKey());
            double seconds = seconds(device, part.getValue());
            if (slowest == null || seconds > most) {
                slowest = device;
                most = seconds;
            }
            elsewhere |= hardware.memory(part.getKey()) != time.memory;
        }
        if (slowest != null) {
            Work work = byDevice.getOrDefault(slowest.device(), new Work());
            time.add(link > most ? LINK : label(slowest, work), Math.max(link, most));
        }
        if (elsewhere) {
            double before = time.total();
            hop(time, time.rows);
            hop(time, time.rows);
            time.late -= (time.total() - before) / 2; // the way back is part of what hides it
        }
    }

    /** Of the experts in main memory that a token is sent to the layer leaves some to the next. */
    private void leave(Time time, Map<String, Work> byDevice, Deferral deferral) {
        double chosen = 0;
        for (PlacedWeight placed : byLayer.getOrDefault(deferral.layer(), List.of())) {
            if (placed.weight().experts() > 0) {
                chosen = chosenOnHost(placed);
                break; // the other stacks are placed alike
            }
        }
        double part = chosen == 0 ? 0 : Math.min(1, deferral.experts() / chosen);
        time.late = 0;
        byDevice.forEach((name, work) -> {
            DeviceBudget device = hardware.device(name);
            if (device.hostMemory()) {
                time.late += part * seconds(device, work); // one after the other
                time.lateDevice = device;
                work.bytes *= 1 - part;
                work.operations *= 1 - part;
            }
        });
    }

    /** How many experts in main memory a token is sent to. */
    private double chosenOnHost(PlacedWeight stack) {
        int layer = stack.weight().layer();
        LiveExperts live = placement.liveExperts(layer);
        double chosen = 0;
        for (Shard shard : stack.shards()) {
            for (int e = shard.firstExpert(); e < shard.firstExpert() + shard.experts(); e++) {
                boolean away = live != null && live.first().contains(e);
                chosen += hardware.isHost(shard.device()) && !away ? use.share(layer, e) : 0;
            }
        }
        return chosen;
    }

    /**
     * Adds what a step computes with a shard where it is computed: experts that come and go are
     * taken to be where they are at the beginning.
     *
     * @return bytes that cross the link for it
     */
    private double add(Map<String, Work> byDevice, WeightDescriptor stack, Shard shard, int rows) {
        LiveExperts live = placement.liveExperts(stack.layer());
        StreamedExperts stream = streamIn(stack.layer(), rows);
        double crossing = 0;
        double expertBytes = (double) shard.bytes() / shard.experts();
        for (int expert = shard.firstExpert();
                expert < shard.firstExpert() + shard.experts();
                expert++) {
            String device = shard.device();
            if (live != null && live.first().contains(expert)) {
                device = live.device();
            } else if (stream != null && hardware.isHost(device)) {
                device = stream.device();
                crossing += expertBytes;
            }
            Work work = byDevice.computeIfAbsent(device, d -> new Work());
            double share = use.share(stack.layer(), expert);
            work.bytes += expertBytes * (rows == 1 ? share : 1 - Math.pow(1 - share, rows));
            work.operations += 2.0 * elements(stack, expertBytes) * share * rows;
        }
        return crossing;
    }

    /** How the experts of a layer come over in a step of so many rows, or null if they stay. */
    private @Nullable StreamedExperts streamIn(int layer, int rows) {
        StreamedExperts stream = placement.streamedExperts(layer);
        return stream != null && rows >= stream.whenRows() ? stream : null;
    }

    private static double elements(WeightDescriptor weight, double bytes) {
        return bytes / weight.dtype().blockBytes() * weight.dtype().blockElements();
    }

    private void hop(Time time, int rows) {
        time.add(
                LINK,
                Hardware.LINK_LATENCY
                        + workload.activationBytes(rows) / hardware.linkBytesPerSecond());
    }

    private static double seconds(DeviceBudget device, Work work) {
        return Math.max(
                work.bytes / device.bytesPerSecond(),
                work.operations / device.operationsPerSecond());
    }

    private static String label(DeviceBudget device, Work work) {
        boolean computing =
                work.operations / device.operationsPerSecond()
                        > work.bytes / device.bytesPerSecond();
        return computing ? device.device() + " compute" : reading(device);
    }

    private static String reading(DeviceBudget device) {
        return device.device() + " memory bandwidth";
    }
}
