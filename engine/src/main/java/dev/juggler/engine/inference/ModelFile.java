package dev.juggler.engine.inference;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelDescription;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.DeviceBudget;
import dev.juggler.engine.placement.HostBandwidth;
import dev.juggler.engine.placement.PlacedWeight;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.Plan;
import dev.juggler.engine.placement.Workload;
import dev.juggler.kernel.Backend;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A configured model's open file with what its tables tell: to inspect it, to plan it, or to run it
 * without a scheduler (comparisons, benchmarks). Closing it unmaps the file.
 */
public final class ModelFile implements AutoCloseable {
    private final ModelSettings settings;
    private final GgufFile gguf;
    private final ModelLoader loader = ModelLoader.builtIn();
    private final ModelDescription description;

    private ModelFile(ModelSettings settings, GgufFile gguf) {
        this.settings = settings;
        this.gguf = gguf;
        this.description = loader.describe(gguf);
    }

    /**
     * Opens a model's file; no data are read.
     *
     * @throws dev.juggler.engine.gguf.GgufException if the file is broken
     * @throws dev.juggler.engine.model.ModelException if it holds no model that is supported
     */
    public static ModelFile open(ModelSettings settings) {
        GgufFile gguf = GgufFile.open(settings.path());
        try {
            return new ModelFile(settings, gguf);
        } catch (RuntimeException e) {
            gguf.close();
            throw e;
        }
    }

    /** The file. */
    public GgufFile gguf() {
        return gguf;
    }

    /** What its tables tell. */
    public ModelDescription description() {
        return description;
    }

    /** Most tokens of a sequence, as configured or chosen. */
    public int context() {
        return settings.contextFor(
                ModelCards.trainedContext(gguf.metadata(), gguf.architecture()));
    }

    /** Where the configuration puts each weight. */
    public Placement placement(Devices devices) {
        return settings.placement()
                .resolve(description.weights(), new ArrayList<>(devices.names()));
    }

    /** Loads the model where the configuration puts it. The file must stay open as long as it lives. */
    public PlacedModel load(Devices devices) {
        return loader.load(gguf, new PlacementDevices(placement(devices)), devices);
    }

    /**
     * What the model would cost; measures the memory bandwidth, which takes a fraction of a second.
     */
    public Plan plan(Devices devices) {
        Placement placement = placement(devices);
        int context = context();
        int rows = (int) Math.min(settings.stepRows(), (long) context * settings.parallel());
        boolean split = placement.weights().stream().anyMatch(PlacedWeight::isSplit);
        long workspace =
                description.workspaceBytes(rows, Math.min(settings.parallel(), rows), split);
        Map<String, Long> buffers = new HashMap<>();
        placement.devices().forEach(device -> buffers.put(device, workspace));
        Workload workload =
                new Workload(
                        KvCachePlan.of(
                                description.kvLayers(),
                                settings.kvType(),
                                context,
                                settings.parallel()),
                        context,
                        settings.parallel(),
                        gguf.metadata().count(gguf.architecture() + ".expert_used_count", 0),
                        buffers);
        return Plan.of(placement, workload, budgets(devices));
    }

    private static List<DeviceBudget> budgets(Devices devices) {
        double bandwidth =
                HostBandwidth.measure(Runtime.getRuntime().availableProcessors()).bytesPerSecond();
        List<DeviceBudget> budgets = new ArrayList<>();
        for (Backend backend : devices.all()) {
            budgets.add(
                    new DeviceBudget(
                            backend.device(),
                            backend.usesHostMemory(),
                            backend.memory(),
                            bandwidth));
        }
        return budgets;
    }

    @Override
    public void close() {
        gguf.close();
    }
}
