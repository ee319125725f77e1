package dev.juggler.engine.inference;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.MeasuredHardware;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.Hardware;
import dev.juggler.engine.placement.Plan;
import org.jspecify.annotations.Nullable;

/**
 * A configured model's open file with the outline of how it would be loaded: to plan it, or to run
 * it without a scheduler (comparisons, benchmarks). Closing it unmaps the file.
 */
public final class ModelFile implements AutoCloseable {
    private GgufFile gguf;
    private final ModelLoader loader;
    private final @Nullable Devices devices;
    private final ModelOutline outline;

    private ModelFile(
            ModelSettings settings,
            GgufFile gguf,
            @Nullable Devices devices,
            Hardware hardware,
            ModelLoader loader) {
        this.loader = loader;
        this.gguf = gguf;
        this.devices = devices;
        this.outline = ModelOutline.of(settings, gguf, loader, hardware);
    }

    /**
     * Opens a model's file; no data are read.
     *
     * @param loader knows the policies that the settings name
     * @throws dev.juggler.engine.gguf.GgufException if the file is broken
     * @throws dev.juggler.engine.model.ModelException if it holds no model that is supported
     * @throws dev.juggler.engine.placement.PlacementException if its placement does not suit it
     */
    public static ModelFile open(ModelSettings settings, Devices devices, ModelLoader loader) {
        return open(settings, devices, MeasuredHardware.forLoading(devices), loader);
    }

    /**
     * Opens a model's file to plan it on these devices, with their speeds measured.
     *
     * @throws RuntimeException likewise
     */
    public static ModelFile openForPlan(ModelSettings settings, Devices devices) {
        return open(settings, devices, MeasuredHardware.of(devices), ModelLoader.builtIn());
    }

    /**
     * Opens a model's file to plan it on a machine that need not be this one; it cannot be loaded.
     *
     * @throws RuntimeException likewise
     */
    public static ModelFile openForPlan(ModelSettings settings, Hardware hardware) {
        return open(settings, null, hardware, ModelLoader.builtIn());
    }

    private static ModelFile open(
            ModelSettings settings,
            @Nullable Devices devices,
            Hardware hardware,
            ModelLoader loader) {
        GgufFile gguf = GgufFile.open(settings.path());
        try {
            return new ModelFile(settings, gguf, devices, hardware, loader);
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
        Devices open = devices;
        if (open == null) {
            throw new IllegalStateException("a model on assumed devices is not loaded");
        }
        gguf = outline.settings().fileMemory().settle(gguf, outline.settings().name(), progress);
        return loader.load(gguf, outline.placement(), open);
    }

    /**
     * How loading would keep the file in this machine's memory, as a sentence without a subject.
     */
    public String memoryPlan() {
        return outline.settings().fileMemory().plan(gguf);
    }

    /** What it would cost, and if it does not fit, what would make it fit. */
    public Plan plan() {
        return FitAdvice.plan(outline);
    }

    @Override
    public void close() {
        gguf.close();
    }
}
