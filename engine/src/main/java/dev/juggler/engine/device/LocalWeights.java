package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Groups of weights as one device's kernels take them. They are made once and kept, so that a step
 * allocates none and a backend can recognise them; the groups of a model are few and live as long
 * as it does.
 */
final class LocalWeights {
    /** By the group as the model has it, then by device or part. */
    private final IdentityHashMap<Object, @Nullable Object[]> known = new IdentityHashMap<>();

    private final int most;

    LocalWeights(int devices) {
        // a device may have two parts, experts that stay and others that do not; and two buffers
        most = devices + 3;
    }

    /** The device that holds all of these weights whole, or null. */
    static @Nullable Device commonOwner(Tensor... weights) {
        Device common = null;
        for (Tensor weight : weights) {
            if (!(weight.buffer() instanceof PlacedBuffer placed)
                    || (common != null && common.index() != placed.owner().index())) {
                return null;
            }
            common = placed.owner();
        }
        return common;
    }

    /** All devices that hold a part of a stack. */
    static List<Device> owners(Tensor stack) {
        return switch (stack.buffer()) {
            case SplitStack split -> split.parts().stream().map(SplitStack.Part::device).toList();
            case PlacedBuffer placed -> List.of(placed.owner());
            default -> List.of();
        };
    }

    AttentionPlan plan(Device device, AttentionPlan plan) {
        Tensor sinks = plan.sinks();
        if (sinks == null) {
            return plan;
        }
        return local(
                plan,
                device.index(),
                AttentionPlan.class,
                () ->
                        new AttentionPlan(
                                plan.heads(),
                                plan.kvHeads(),
                                plan.keyWidth(),
                                plan.valueWidth(),
                                plan.scale(),
                                plan.window(),
                                plan.softCap(),
                                on(device, sinks)));
    }

    Routing routing(Device device, Routing routing) {
        Tensor bias = routing.choiceBias();
        if (bias == null) {
            return routing;
        }
        return local(
                routing,
                device.index(),
                Routing.class,
                () -> routing.withChoiceBias(on(device, bias)));
    }

    RouterWeights router(Device device, RouterWeights router) {
        return local(
                router,
                device.index(),
                RouterWeights.class,
                () ->
                        new RouterWeights(
                                on(device, router.weight()),
                                onOrNull(device, router.bias()),
                                routing(device, router.routing())));
    }

    ProjectionWeights projections(Device device, ProjectionWeights weights) {
        return local(
                weights,
                device.index(),
                ProjectionWeights.class,
                () ->
                        new ProjectionWeights(
                                projection(device, weights.query()),
                                projection(device, weights.key()),
                                projection(device, weights.value()),
                                weights.epsilon(),
                                weights.rope()));
    }

    private static Projection projection(Device device, Projection projection) {
        return new Projection(
                on(device, projection.weight()),
                onOrNull(device, projection.bias()),
                onOrNull(device, projection.norm()));
    }

    FeedForwardWeights feedForward(Device device, FeedForwardWeights weights) {
        return local(
                weights,
                device.index(),
                FeedForwardWeights.class,
                () ->
                        new FeedForwardWeights(
                                on(device, weights.gate()),
                                on(device, weights.up()),
                                on(device, weights.down()),
                                weights.activation()));
    }

    /**
     * @param part which part of a split stack; 0 where it is whole
     */
    ExpertWeights experts(Device device, ExpertWeights weights, int part) {
        return local(
                weights,
                part,
                ExpertWeights.class,
                () ->
                        new ExpertWeights(
                                part(device, weights.gate(), part),
                                part(device, weights.up(), part),
                                part(device, weights.down(), part),
                                partOrNull(device, weights.gateBias(), part),
                                partOrNull(device, weights.upBias(), part),
                                partOrNull(device, weights.downBias(), part),
                                weights.activation()));
    }

    /**
     * Experts that came to a device.
     *
     * @param half in which of the two buffers
     */
    ExpertWeights streamed(ExpertWeights weights, int half) {
        return local(
                weights,
                most - 2 + half,
                ExpertWeights.class,
                () ->
                        new ExpertWeights(
                                buffer(weights.gate(), half),
                                buffer(weights.up(), half),
                                buffer(weights.down(), half),
                                bufferOrNull(weights.gateBias(), half),
                                bufferOrNull(weights.upBias(), half),
                                bufferOrNull(weights.downBias(), half),
                                weights.activation()));
    }

    private static Tensor buffer(Tensor weight, int half) {
        return ((SplitStack) weight.buffer()).streamBuffer(half);
    }

    private static @Nullable Tensor bufferOrNull(@Nullable Tensor weight, int half) {
        return weight == null ? null : buffer(weight, half);
    }

    private static Tensor part(Device device, Tensor weight, int part) {
        return weight.buffer() instanceof SplitStack split
                ? split.parts().get(part).stack()
                : on(device, weight);
    }

    private static @Nullable Tensor partOrNull(Device device, @Nullable Tensor weight, int part) {
        return weight == null ? null : part(device, weight, part);
    }

    private static Tensor on(Device device, Tensor weight) {
        return ((PlacedBuffer) weight.buffer()).on(device, weight);
    }

    private static @Nullable Tensor onOrNull(Device device, @Nullable Tensor weight) {
        return weight == null ? null : on(device, weight);
    }

    private <T> T local(Object group, int index, Class<T> type, Supplier<T> maker) {
        Object[] made = known.computeIfAbsent(group, key -> new @Nullable Object[most]);
        Object found = made[index];
        if (found == null) {
            found = maker.get();
            made[index] = found;
        }
        return type.cast(found);
    }
}
