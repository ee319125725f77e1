package dev.juggler.engine.device;

import dev.juggler.engine.architecture.Architectures;
import dev.juggler.engine.architecture.ModelKeys;
import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem;
import dev.juggler.engine.model.ModelProblem.Kind;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.ExpertCachePolicyProvider;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** From a file to a model that runs: reads the tables, then puts the weights on their devices. */
public final class ModelLoader {
    private final Architectures architectures;
    private final ExpertCachePolicies policies;

    /**
     * @param policies for experts that come and go while a model runs
     */
    public ModelLoader(Architectures architectures, ExpertCachePolicies policies) {
        this.architectures = architectures;
        this.policies = policies;
    }

    /** A loader that knows all families and policies of this engine. */
    public static ModelLoader builtIn() {
        return with(List.of());
    }

    /** A loader that also knows policies of others, e.g. of plugins. */
    public static ModelLoader with(Collection<? extends ExpertCachePolicyProvider> policies) {
        return new ModelLoader(
                Architectures.builtIn(), ExpertCachePolicies.builtIn().and(policies));
    }

    /** The policies that it knows. */
    public ExpertCachePolicies policies() {
        return policies;
    }

    /**
     * Reads what placement and planning need to know, without touching any data.
     *
     * @throws ModelException if the file does not hold a model that is supported
     */
    public ModelDescription describe(GgufFile file) {
        Examination examined = examine(file);
        ModelDescription description = examined.description();
        if (!examined.problems().isEmpty() || description == null) {
            throw ModelException.of(file.path(), examined.problems());
        }
        return description;
    }

    /** Reads a file's tables as loading does, and notes all that keeps it from being loaded. */
    public Examination examine(GgufFile file) {
        DescribedWeights weights = new DescribedWeights(file);
        Set<ModelProblem> problems = new LinkedHashSet<>();
        ModelDescription description = null;
        try {
            description = describe(file, weights);
            weights.requireAllTaken(description.architecture());
        } catch (ModelException e) {
            problems.addAll(weights.problems());
            if (!weights.isNoted(e.problem())) {
                problems.add(e.problem());
            }
        }
        problems.addAll(weights.problems());
        return new Examination(description, List.copyOf(problems), weights.ignored());
    }

    private ModelDescription describe(GgufFile file, DescribedWeights weights) {
        ModelKeys keys = keys(file);
        String type = keys.fileType();
        if (!type.equals("model")) {
            throw new ModelException(
                    Kind.ARCHITECTURE,
                    file.path(),
                    "general.type is \"%s\", so this is a part of a model or something that belongs to one; give the file of the model"
                            .formatted(type));
        }
        keys.contextLength(1); // must be sound where it is there: caches are sized by it
        Model model = architectures.load(keys, weights);
        return new ModelDescription(
                keys.architecture(),
                weights.descriptors(),
                model.kvLayers(),
                model.vocabularySize(),
                keys.expertsUsed(),
                model);
    }

    /**
     * Loads a model where a placement says; see {@link #load(GgufFile, WeightDevices, Devices)}.
     *
     * @param placement of the weights that {@link #describe} found in this file
     */
    public PlacedModel load(GgufFile file, Placement placement, Devices open) {
        return load(file, WeightDevices.of(placement), open);
    }

    /**
     * Loads a model.
     *
     * @param file stays open as long as the model is used
     * @throws ModelException if the file does not hold a model that is supported, or a weight has a
     *     type for which its device has no kernel
     * @throws dev.juggler.kernel.BackendException if the placement names a device that is not open
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if a device has not enough memory
     */
    public PlacedModel load(GgufFile file, WeightDevices placement, Devices open) {
        ModelDescription description = describe(file);
        DeviceTable devices = devices(description, placement, open);
        LoadedWeights weights = new LoadedWeights(file, description, placement, policies, devices);
        try {
            Model model = architectures.load(keys(file), weights);
            List<Device> kvOwners =
                    IntStream.range(0, description.kvLayers().size())
                            .mapToObj(layer -> cacheDevice(description, placement, layer))
                            .map(devices::device)
                            .toList();
            return new PlacedModel(description, model, devices, weights, kvOwners);
        } catch (RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    private static String cacheDevice(
            ModelDescription description, WeightDevices placement, int layer) {
        return placement.device(description.attentionWeight(layer), 0);
    }

    private static ModelKeys keys(GgufFile file) {
        try {
            return new ModelKeys(file.metadata(), file.path(), file.architecture());
        } catch (GgufException e) {
            throw new ModelException(Kind.METADATA, e.file(), e.problem(), e);
        }
    }

    /** The devices that the placement uses, the preferred first. */
    private static DeviceTable devices(
            ModelDescription description, WeightDevices placement, Devices open) {
        Set<String> used = new HashSet<>();
        for (WeightDescriptor weight : description.weights()) {
            for (int expert = 0; expert < Math.max(1, weight.experts()); expert++) {
                used.add(placement.device(weight, expert));
            }
            LiveExperts live = placement.live(weight.layer());
            if (live != null) {
                used.add(live.device());
            }
            StreamedExperts streamed = placement.streamed(weight.layer());
            if (streamed != null) {
                used.add(streamed.device());
            }
        }
        for (int layer = 0; layer < description.kvLayers().size(); layer++) {
            used.add(cacheDevice(description, placement, layer));
        }
        used.forEach(open::get);
        List<Backend> backends = new ArrayList<>();
        for (String name : open.names()) {
            if (used.contains(name)) {
                backends.add(open.get(name));
            }
        }
        return new DeviceTable(backends);
    }
}
