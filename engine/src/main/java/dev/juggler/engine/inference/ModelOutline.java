package dev.juggler.engine.inference;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelDescription;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.ReadAhead;
import dev.juggler.engine.placement.DeviceBudget;
import dev.juggler.engine.placement.PlacedWeight;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.Plan;
import dev.juggler.engine.placement.Workload;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.HostMemory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a configured model would be loaded on these devices: which weight where, how large cache and
 * steps. Made from tables alone; what loading does and what a plan says both come from here.
 *
 * @param context most tokens of a sequence
 * @param rows most rows of a step
 * @param expertsUsed how many experts a token uses; 0 where there are none
 */
public record ModelOutline(
        ModelSettings settings,
        ModelDescription description,
        Placement placement,
        KvCachePlan cache,
        int context,
        int rows,
        int expertsUsed) {
    private static final Logger LOG = LoggerFactory.getLogger(ModelOutline.class);
    private static final long MEGABYTE = 1_000_000;

    /**
     * Reads the outline of a model.
     *
     * @throws RuntimeException naming the thing, if the file holds no model that is supported, or
     *     the placement does not suit model or devices
     */
    public static ModelOutline of(
            ModelSettings settings, GgufFile file, ModelLoader loader, Devices devices) {
        ModelDescription description = loader.describe(file);
        String family = file.architecture();
        int context = settings.contextFor(ModelCards.trainedContext(file.metadata(), family));
        int parallel = settings.parallel();
        return new ModelOutline(
                settings,
                description,
                settings.placement().resolve(description.weights(), List.copyOf(devices.names())),
                cache(settings, description, context),
                context,
                (int) Math.min(settings.stepRows(), (long) context * parallel),
                file.metadata().count(family + ".expert_used_count", 0));
    }

    private static KvCachePlan cache(
            ModelSettings settings, ModelDescription description, int context) {
        try {
            return KvCachePlan.of(
                    description.kvLayers(),
                    settings.kvType(),
                    context,
                    settings.parallel(),
                    Math.min(settings.stepRows(), context));
        } catch (IllegalArgumentException e) { // more positions than can be counted
            throw new InferenceException(
                    InferenceException.Kind.UNAVAILABLE,
                    "model %s: %s".formatted(settings.name(), e.getMessage()),
                    e);
        }
    }

    /**
     * Reads what is not in memory of the file, where the settings want it and there is room.
     *
     * @throws dev.juggler.engine.gguf.GgufException if the disk fails
     */
    void readAhead(GgufFile file, LoadProgress progress) {
        if (!settings.readAhead()) {
            return;
        }
        ReadAhead missing = file.readAhead();
        long free = HostMemory.now().free();
        if (missing.bytes() > free) {
            LOG.info(
                    "model {} is not read ahead: {} MB of its file are not in memory, {} MB are free;"
                            + " what is needed is read when it is used",
                    settings.name(),
                    missing.bytes() / MEGABYTE,
                    free / MEGABYTE);
        } else if (missing.bytes() > 0) {
            missing.run(progress.begin(settings.name()));
        }
    }

    /**
     * What it will cost.
     *
     * @param bytesPerSecond how fast a device reads weights, for the prediction of speed
     */
    public Plan plan(Devices devices, ToDoubleFunction<Backend> bytesPerSecond) {
        List<DeviceBudget> budgets = new ArrayList<>();
        for (Backend backend : devices.all()) {
            budgets.add(
                    new DeviceBudget(
                            backend.device(),
                            backend.usesHostMemory(),
                            backend.memory(),
                            bytesPerSecond.applyAsDouble(backend)));
        }
        Workload workload =
                new Workload(cache, context, settings.parallel(), expertsUsed, buffers(devices));
        return Plan.of(placement, workload, budgets);
    }

    /** The workspace: one in each memory that takes part; devices in main memory share theirs. */
    private Map<String, Long> buffers(Devices devices) {
        boolean split = placement.weights().stream().anyMatch(PlacedWeight::isSplit);
        long bytes = description.workspaceBytes(rows, Math.min(settings.parallel(), rows), split);
        Map<String, Long> buffers = new LinkedHashMap<>();
        boolean hostHasIt = false;
        for (String device : placement.devices()) {
            boolean host = devices.get(device).usesHostMemory();
            buffers.put(device, host && hostHasIt ? 0L : Long.valueOf(bytes));
            hostHasIt |= host;
        }
        return buffers;
    }
}
