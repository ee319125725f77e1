package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.profile.Profile;
import dev.juggler.engine.profile.ProfiledKernels;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model whose weights are on their devices, with what is needed to run it. The file must stay
 * open as long as it lives. Closing it frees its weights and workspaces; devices stay open. Not for
 * use by two threads at once.
 */
public final class PlacedModel implements AutoCloseable {
    private final ModelDescription description;
    private final Model model;
    private final DeviceTable devices;
    private final LoadedWeights weights;
    private final List<Device> kvOwners;
    private final boolean splitExperts;
    private final int deferred;
    private final Kernels kernels;
    private final List<Runnable> closers = new ArrayList<>();

    /** A model of which some experts come one layer later. */
    private record LateModel(Model model, LateExperts late) implements Model {
        @Override
        public int vocabularySize() {
            return model.vocabularySize();
        }

        @Override
        public int width() {
            return model.width();
        }

        @Override
        public List<KvLayerShape> kvLayers() {
            return model.kvLayers();
        }

        @Override
        public Tensor forward(Batch batch, KvCache cache, Workspace workspace, Kernels kernels) {
            late.begin(batch, workspace, width());
            return model.forward(batch, cache, workspace, kernels);
        }
    }

    PlacedModel(
            ModelDescription description,
            Model model,
            DeviceTable devices,
            LoadedWeights weights,
            List<Device> kvOwners) {
        this.description = description;
        this.devices = devices;
        this.weights = weights;
        this.kvOwners = List.copyOf(kvOwners);
        this.splitExperts = weights.hasSplitExperts();
        if (devices.isSingle()) {
            this.deferred = 0;
            this.model = model;
            this.kernels = devices.device(0).kernels();
        } else {
            PlacedKernels placed = new PlacedKernels(devices, weights.deferred());
            this.deferred = placed.late().most();
            this.model = deferred == 0 ? model : new LateModel(model, placed.late());
            this.kernels = placed;
        }
    }

    /** The model. */
    public Model model() {
        return model;
    }

    /** What was known of it before it was loaded. */
    public ModelDescription description() {
        return description;
    }

    /** The operations: one device's own where the model is on one, else {@link PlacedKernels}. */
    public Kernels kernels() {
        return kernels;
    }

    /** The same operations, timed one by one. */
    public Kernels profiled(Profile profile) {
        return new ProfiledKernels(kernels, weights::role, this::synchronize, profile);
    }

    private void synchronize() {
        for (Device device : devices.devices()) {
            device.backend().synchronize();
        }
    }

    /** Names of the devices that hold weights. */
    public List<String> devices() {
        return devices.devices().stream().map(Device::name).toList();
    }

    /** Where a layer's keys and values are kept. */
    public String kvDevice(int layer) {
        return kvOwners.get(layer).name();
    }

    /** What allocates a layer's keys and values, so that {@link #kernels()} can use them. */
    public Backend kvBackend(int layer) {
        Device owner = kvOwners.get(layer);
        return devices.isSingle() ? owner.backend() : new PlacedBackend(owner);
    }

    /** Bytes of a workspace on each device for steps of at most so many rows and outputs. */
    public long workspaceBytes(int rows, int outputs) {
        return description.workspaceBytes(rows, outputs, splitExperts, deferred);
    }

    /**
     * Allocates a workspace, which is freed with the model.
     *
     * @param rows most rows of a step
     * @param outputs most rows of a step whose logits are wanted
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if a device has not enough memory
     */
    public Workspace allocateWorkspace(int rows, int outputs) {
        long bytes = workspaceBytes(rows, outputs);
        if (devices.isSingle()) {
            Buffer buffer = devices.device(0).backend().allocate(bytes);
            closers.add(buffer::close);
            return new BufferWorkspace(buffer);
        }
        PlacedWorkspace workspace = new PlacedWorkspace(devices, bytes);
        closers.add(workspace::close);
        return workspace;
    }

    /** How well experts that come and go are chosen, or null if all stay where they are. */
    public @Nullable CacheCounts cacheCounts() {
        return weights.cacheCounts();
    }

    /** Bytes of weights on each device; of weights that stay in the mapped file, their size. */
    public Map<String, Long> weightBytesByDevice() {
        return Map.copyOf(weights.bytesByDevice());
    }

    @Override
    public void close() {
        closers.forEach(Runnable::run);
        closers.clear();
        weights.close();
    }
}
