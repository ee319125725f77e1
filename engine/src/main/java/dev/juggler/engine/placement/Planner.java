package dev.juggler.engine.placement;

import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import dev.juggler.engine.placement.Plan.Ledger;
import dev.juggler.engine.placement.Plan.Row;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Adds up a plan. */
final class Planner {
    private final Placement placement;
    private final Workload workload;
    private final Hardware hardware;
    private final ExpertUse use;
    private final List<DeviceBudget> budgets;
    private final Map<String, Sums> sums = new LinkedHashMap<>();

    /** What a device holds and reads, in bytes. */
    private static final class Sums {
        long weights;
        long cache;
        long buffers;
        long bytesPerToken;
        long cacheBytesPerToken;

        long needed() {
            return weights + cache + buffers;
        }
    }

    /** What makes a row of its own. */
    private record RowKey(Role role, String experts, String device, Decision decision) {
        // Written out for the reason told in WeightDescriptor.

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof RowKey that
                    && role == that.role
                    && experts.equals(that.experts)
                    && device.equals(that.device)
                    && decision.equals(that.decision);
        }

        @Override
        public int hashCode() {
            return 31 * device.hashCode() + role.hashCode();
        }
    }

    /** A row in the making. */
    private static final class RowSums {
        final BitSet layers = new BitSet();
        final Set<String> types = new TreeSet<>();
        long bytes;
    }

    Planner(Placement placement, Workload workload, Hardware hardware, ExpertUse use) {
        this.placement = placement;
        this.workload = workload;
        this.hardware = hardware;
        this.use = use;
        budgets = hardware.devices();
        budgets.forEach(budget -> sums.put(budget.device(), new Sums()));
    }

    Plan plan() {
        List<Row> rows = weightRows();
        rows.addAll(liveRows());
        rows.addAll(cacheRows());
        rows.addAll(bufferRows());
        rows.addAll(streamRows());
        rows.addAll(deferRows());
        Map<Boolean, List<DeviceBudget>> byMemory =
                budgets.stream().collect(Collectors.partitioningBy(DeviceBudget::hostMemory));
        List<List<DeviceBudget>> pools = new ArrayList<>();
        byMemory.getOrDefault(false, List.of()).forEach(budget -> pools.add(List.of(budget)));
        pools.add(byMemory.getOrDefault(true, List.of()));
        pools.removeIf(pool -> pool.stream().allMatch(budget -> needed(budget) == 0));
        return new Plan(
                rows,
                budgets.stream().map(this::ledger).toList(),
                pools.stream().allMatch(this::fits),
                pools.stream().map(this::verdict).collect(Collectors.joining("; ")),
                workload.context(),
                workload.parallel(),
                workload.cache().dtype().name(),
                new Predictor(placement, workload, hardware, use).predict(),
                List.of(),
                placement.warnings());
    }

    /**
     * Buffers of a step: in each memory that takes part. Devices in main memory share theirs, and a
     * model on several devices has them there in any case.
     */
    private List<Row> bufferRows() {
        List<DeviceBudget> taking = new ArrayList<>();
        Set<String> used = placement.devices();
        for (DeviceBudget budget : budgets) {
            boolean host = budget.hostMemory();
            if (host && taking.stream().anyMatch(DeviceBudget::hostMemory)) {
                continue;
            }
            boolean passingThrough =
                    host
                            && used.size() > 1
                            && hardware.hosts().stream()
                                    .noneMatch(device -> used.contains(device.device()));
            if (used.contains(budget.device()) || passingThrough) {
                taking.add(budget);
            }
        }
        List<Row> rows = new ArrayList<>();
        for (DeviceBudget budget : taking) {
            long bytes = workload.step().bufferBytes();
            sums(budget.device()).buffers += bytes;
            String step = "step of %d rows".formatted(workload.step().rows());
            rows.add(new Row("buffers", "", "", budget.device(), List.of(), bytes, step));
        }
        return rows;
    }

    /** The two buffers on each device through which experts come in large steps. */
    private List<Row> streamRows() {
        Map<String, Map<Decision, BitSet>> layers = new LinkedHashMap<>();
        Map<String, Long> bytes = new LinkedHashMap<>();
        for (StreamedExperts stream : placement.streamedExperts()) {
            layers.computeIfAbsent(stream.device(), d -> new LinkedHashMap<>())
                    .computeIfAbsent(stream.decision(), d -> new BitSet())
                    .set(stream.layer());
            bytes.put(stream.device(), 2 * stream.bufferBytes());
        }
        List<Row> rows = new ArrayList<>();
        layers.forEach((device, decisions) -> {
            long left = bytes.getOrDefault(device, 0L); // the decisions share them
            sums(device).buffers += left;
            for (Map.Entry<Decision, BitSet> of : decisions.entrySet()) {
                String runs = NumberRuns.text(of.getValue());
                String why = of.getKey().toString();
                rows.add(new Row("prefill", runs, "", device, List.of(), left, why));
                left = 0;
            }
        });
        return rows;
    }

    /** What comes one layer later; its room is in the buffers of a step. */
    private List<Row> deferRows() {
        Map<Decision, BitSet> layers = new LinkedHashMap<>();
        for (Deferral deferral : placement.deferrals()) {
            layers.computeIfAbsent(deferral.decision(), d -> new BitSet()).set(deferral.layer());
        }
        String host = hardware.hosts().isEmpty() ? "" : hardware.hosts().getFirst().device();
        return layers.entrySet().stream()
                .map(of ->
                        new Row(
                                "defer",
                                NumberRuns.text(of.getValue()),
                                "",
                                host,
                                List.of(),
                                0,
                                of.getKey().toString()))
                .toList();
    }

    private Sums sums(String device) {
        Sums found = sums.get(device);
        if (found == null) {
            throw new IllegalArgumentException(
                    "the plan has no budget for device %s, only for %s"
                            .formatted(device, sums.keySet()));
        }
        return found;
    }

    private List<Row> weightRows() {
        Map<RowKey, RowSums> rows = new LinkedHashMap<>();
        Set<String> held = new HashSet<>();
        for (PlacedWeight placed : placement.weights()) {
            WeightDescriptor weight = placed.weight();
            Map<RowKey, BitSet> experts = new LinkedHashMap<>();
            for (Shard shard : placed.shards()) {
                RowKey key = new RowKey(weight.role(), "", shard.device(), shard.decision());
                experts.computeIfAbsent(key, k -> new BitSet())
                        .set(shard.firstExpert(), shard.firstExpert() + shard.experts());
            }
            for (Shard shard : placed.shards()) {
                RowKey all = new RowKey(weight.role(), "", shard.device(), shard.decision());
                BitSet ids = experts.getOrDefault(all, new BitSet());
                String text = ids.cardinality() == weight.experts() ? "" : NumberRuns.text(ids);
                RowKey key = new RowKey(all.role, text, all.device, all.decision);
                RowSums row = rows.computeIfAbsent(key, k -> new RowSums());
                if (weight.layer() != WeightDescriptor.NO_LAYER) {
                    row.layers.set(weight.layer());
                }
                row.types.add(weight.dtype().name());
                // tied weights: two roles of the same bytes
                boolean first =
                        held.add(shard.device() + " " + shard.firstExpert() + " " + weight.name());
                row.bytes += first ? shard.bytes() : 0;
                sums(shard.device()).weights += first ? shard.bytes() : 0;
                long read = bytesPerToken(weight, shard);
                sums(shard.device()).bytesPerToken += read;
            }
        }
        return rows.entrySet().stream()
                .sorted(
                        Comparator.comparing((Map.Entry<RowKey, RowSums> row) -> row.getKey().role)
                                .thenComparingInt(row -> row.getValue().layers.nextSetBit(0)))
                .map(row -> row(row.getKey(), row.getValue()))
                .collect(Collectors.toCollection(ArrayList::new));
    }

    /** Places on a faster device for experts that come and go. */
    private List<Row> liveRows() {
        Map<RowKey, RowSums> rows = new LinkedHashMap<>();
        for (LiveExperts experts : placement.liveExperts()) {
            String text = "%d at a time".formatted(experts.places());
            RowKey key = new RowKey(Role.EXPERTS, text, experts.device(), experts.decision());
            RowSums row = rows.computeIfAbsent(key, k -> new RowSums());
            row.layers.set(experts.layer());
            row.bytes += experts.bytes();
            sums(experts.device()).weights += experts.bytes();
        }
        return rows.entrySet().stream().map(row -> row(row.getKey(), row.getValue())).toList();
    }

    private static Row row(RowKey key, RowSums sums) {
        return new Row(
                key.role.toString(),
                NumberRuns.text(sums.layers),
                key.experts,
                key.device,
                List.copyOf(sums.types),
                sums.bytes,
                key.decision.toString());
    }

    /**
     * What a token reads of a weight: of experts those it uses, of embeddings one row. What it
     * reads of experts that are kept elsewhere is added there.
     */
    private long bytesPerToken(WeightDescriptor weight, Shard shard) {
        if (weight.role() == Role.EMBED) {
            return 0; // one row of a hundred thousand
        }
        if (weight.experts() == 0) {
            return shard.bytes();
        }
        LiveExperts live = placement.liveExperts(weight.layer());
        double share = 0;
        double elsewhere = 0;
        for (int e = shard.firstExpert(); e < shard.firstExpert() + shard.experts(); e++) {
            if (live != null && live.first().contains(e)) {
                elsewhere += use.share(weight.layer(), e);
            } else {
                share += use.share(weight.layer(), e);
            }
        }
        double expertBytes = (double) weight.bytes() / weight.experts();
        if (live != null) {
            sums(live.device()).bytesPerToken += Math.round(elsewhere * expertBytes);
        }
        return Math.round(share * expertBytes);
    }

    /** Layers that keep their keys and values in the same way on the same device are one row. */
    private List<Row> cacheRows() {
        Map<String, Map<String, RowSums>> rows = new LinkedHashMap<>();
        for (int layer = 0; layer < workload.cache().layers().size(); layer++) {
            String device = placement.cacheDevice(layer);
            RowSums row =
                    rows.computeIfAbsent(device, d -> new LinkedHashMap<>())
                            .computeIfAbsent(
                                    kept(workload.cache().layers().get(layer)),
                                    kept -> new RowSums());
            row.layers.set(layer);
            row.bytes += workload.cache().bytes(layer);
            sums(device).cache += workload.cache().bytes(layer);
            sums(device).cacheBytesPerToken += workload.cacheBytesPerToken(layer);
        }
        List<Row> result = new ArrayList<>();
        rows.forEach((device, byForm) ->
                byForm.forEach((kept, row) ->
                        result.add(
                                new Row(
                                        "cache",
                                        NumberRuns.text(row.layers),
                                        "",
                                        device,
                                        List.of(workload.cache().dtype().name()),
                                        row.bytes,
                                        "with attention" + kept))));
        return result;
    }

    /** What is less than keys and values of all positions. */
    private static String kept(KvLayerShape layer) {
        String form =
                layer.valueWidth() == 0
                        ? ", one latent vector of %d".formatted(layer.keyWidth())
                        : "";
        return layer.window() == 0 ? form : form + ", window of %d".formatted(layer.window());
    }

    private long needed(DeviceBudget budget) {
        return sums(budget.device()).needed();
    }

    private Ledger ledger(DeviceBudget budget) {
        Sums held = sums(budget.device());
        return new Ledger(
                budget.device(),
                held.weights,
                held.cache,
                held.buffers,
                held.needed(),
                budget.memory().free(),
                fits(
                        budget.hostMemory()
                                ? budgets.stream().filter(DeviceBudget::hostMemory).toList()
                                : List.of(budget)),
                held.bytesPerToken,
                held.cacheBytesPerToken,
                budget.bytesPerSecond());
    }

    /** Whether devices that share one memory have room in it. */
    private boolean fits(List<DeviceBudget> pool) {
        return pool.stream().mapToLong(this::needed).sum() <= available(pool);
    }

    private static long available(List<DeviceBudget> pool) {
        return pool.stream().mapToLong(budget -> budget.memory().free()).min().orElse(0);
    }

    private String verdict(List<DeviceBudget> pool) {
        List<Sums> held = pool.stream().map(budget -> sums(budget.device())).toList();
        long needed = held.stream().mapToLong(Sums::needed).sum();
        String names =
                pool.stream()
                        .filter(budget -> needed(budget) > 0)
                        .map(DeviceBudget::device)
                        .collect(Collectors.joining(" and "));
        String arithmetic =
                "%s: weights %s + cache %s + buffers %s = %s of %s available"
                        .formatted(
                                names,
                                HumanBytes.text(held.stream().mapToLong(sum -> sum.weights).sum()),
                                HumanBytes.text(held.stream().mapToLong(sum -> sum.cache).sum()),
                                HumanBytes.text(held.stream().mapToLong(sum -> sum.buffers).sum()),
                                HumanBytes.text(needed),
                                HumanBytes.text(available(pool)));
        return fits(pool)
                ? arithmetic
                : arithmetic + ", %s too much".formatted(HumanBytes.text(needed - available(pool)));
    }
}
