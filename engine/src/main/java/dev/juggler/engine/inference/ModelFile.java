package dev.juggler.engine.inference;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.HostBandwidth;
import dev.juggler.engine.placement.Plan;

/**
 * A configured model's open file with the outline of how it would be loaded: to plan it, or to run
 * it without a scheduler (comparisons, benchmarks). Closing it unmaps the file.
 */
public final class ModelFile implements AutoCloseable {
    private final GgufFile gguf;
    private final ModelLoader loader = ModelLoader.builtIn();
    private final Devices devices;
    private final ModelOutline outline;

    private ModelFile(ModelSettings settings, GgufFile gguf, Devices devices) {
        this.gguf = gguf;
        this.devices = devices;
        this.outline = ModelOutline.of(settings, gguf, loader, devices);
    }

    /**
     * Opens a model's file; no data are read.
     *
     * @throws dev.juggler.engine.gguf.GgufException if the file is broken
     * @throws dev.juggler.engine.model.ModelException if it holds no model that is supported
     * @throws dev.juggler.engine.placement.PlacementException if its placement does not suit it
     */
    public static ModelFile open(ModelSettings settings, Devices devices) {
        GgufFile gguf = GgufFile.open(settings.path());
        try {
            return new ModelFile(settings, gguf, devices);
        } catch (RuntimeException e) {
            gguf.close();
            throw e;
        }
    }

    /** The file. */
    public GgufFile gguf() {
        return gguf;
    }

    /** How it would be loaded. */
    public ModelOutline outline() {
        return outline;
    }

    /**
     * Loads the model. The file must stay open as long as it lives.
     *
     * @param progress of reading the file, where that takes long
     */
    public PlacedModel load(LoadProgress progress) {
        outline.readAhead(gguf, progress);
        return loader.load(gguf, outline.placement()::device, devices);
    }

    /** What it would cost; measures the memory bandwidth, which takes a fraction of a second. */
    public Plan plan() {
        double bandwidth =
                HostBandwidth.measure(Runtime.getRuntime().availableProcessors()).bytesPerSecond();
        return outline.plan(devices, backend -> bandwidth);
    }

    @Override
    public void close() {
        gguf.close();
    }
}
