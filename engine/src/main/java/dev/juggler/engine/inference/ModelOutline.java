package dev.juggler.engine.inference;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.device.ModelDescription;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.ExpertUse;
import dev.juggler.engine.placement.Hardware;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.engine.placement.Plan;
import dev.juggler.engine.placement.RoutingProfile;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.engine.placement.Workload;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.inference.InferenceException;

/**
 * How a configured model would be loaded on these devices: which weight where, how large cache and
 * steps. Made from tables alone; what loading does and what a plan says both come from here.
 *
 * @param hardware the devices it is placed on
 * @param workload what it will be asked to do: context, parallelism, cache and steps
 * @param use how often experts are used
 */
public record ModelOutline(
        ModelSettings settings,
        ModelDescription description,
        Hardware hardware,
        Workload workload,
        Placement placement,
        ExpertUse use) {

    /**
     * Reads the outline of a model.
     *
     * @throws RuntimeException naming the thing, if the file holds no model that is supported, or
     *     the placement does not suit model or devices
     */
    public static ModelOutline of(
            ModelSettings settings, GgufFile file, ModelLoader loader, Hardware hardware) {
        ModelDescription description = loader.describe(file);
        String family = file.architecture();
        int context = settings.contextFor(ModelCards.trainedContext(file.metadata(), family));
        int width = file.metadata().count(family + ".embedding_length", 0);
        return of(settings, description, width, context, hardware);
    }

    private static ModelOutline of(
            ModelSettings settings,
            ModelDescription description,
            int width,
            int context,
            Hardware hardware) {
        int parallel = settings.parallel();
        int rows = (int) Math.min(settings.stepRows(), (long) context * parallel);
        // with experts on several devices a step takes a little more, and nobody knows yet
        boolean several = hardware.devices().size() > 1;
        Workload workload =
                new Workload(
                        cache(settings, description, context),
                        context,
                        parallel,
                        new StepShape(
                                rows,
                                width,
                                description.expertsUsed(),
                                description.workspaceBytes(
                                        rows,
                                        Math.min(parallel, rows),
                                        several,
                                        several
                                                ? Math.min(
                                                        settings.placement().mostDeferred(),
                                                        description.expertsUsed())
                                                : 0)));
        int experts =
                description.weights().stream().mapToInt(WeightDescriptor::experts).max().orElse(0);
        return new ModelOutline(
                settings,
                description,
                hardware,
                workload,
                settings.placement()
                        .resolve(
                                description.weights(),
                                hardware,
                                workload,
                                name -> profile(settings, description, name)),
                use(settings, description, experts));
    }

    private static ExpertUse use(
            ModelSettings settings, ModelDescription description, int experts) {
        String name = settings.placement().anyProfile();
        return name == null
                ? ExpertUse.even(description.expertsUsed(), experts)
                : profile(settings, description, name);
    }

    private static ExpertUse profile(
            ModelSettings settings, ModelDescription description, String name) {
        return RoutingProfile.read(
                settings.path().toAbsolutePath().resolveSibling(name), description.weights());
    }

    /** Most tokens of a sequence. */
    public int context() {
        return workload.context();
    }

    /** Most rows of a step. */
    public int rows() {
        return workload.step().rows();
    }

    /** The cache of all sequences. */
    public KvCachePlan cache() {
        return workload.cache();
    }

    /** The same model placed by other rules. */
    ModelOutline with(PlacementRules rules) {
        return of(
                settings.withPlacement(rules),
                description,
                workload.step().width(),
                context(),
                hardware);
    }

    /** The same model with another context and parallelism. */
    ModelOutline with(int context, int parallel) {
        return of(
                settings.withParallel(parallel),
                description,
                workload.step().width(),
                context,
                hardware);
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

    /** What it will cost. */
    public Plan plan() {
        return Plan.of(placement, workload, hardware, use);
    }
}
