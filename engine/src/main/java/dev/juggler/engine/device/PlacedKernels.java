package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Kernels of a model that is spread over devices: an operation runs on the device that holds its
 * weight, attention on the one that holds the layer's pages, and what has neither where its first
 * argument was written. Activations are moved there when they are elsewhere. Fused steps whose
 * weights are all on one device are that device's own; the others are taken apart. Of experts in
 * main memory some may be left to the next layer, see {@link LateExperts}.
 */
public final class PlacedKernels implements Kernels {
    private final DeviceTable devices;
    private final LocalWeights locals;
    private final LateExperts late;
    private @Nullable Device lastOnHost;

    /**
     * @param deferred for stacks of experts how many of the chosen ones in main memory a layer
     *     leaves to the next; without those that leave none
     */
    PlacedKernels(DeviceTable devices, IdentityHashMap<Buffer, Integer> deferred) {
        this.devices = devices;
        locals = new LocalWeights(devices.devices().size());
        late = new LateExperts(this, locals, deferred);
    }

    /** What works with experts that come one layer later. */
    LateExperts late() {
        return late;
    }

    @Override
    public Set<DType> weightTypes() {
        return devices.common(Kernels::weightTypes);
    }

    @Override
    public Set<DType> kvTypes() {
        return devices.common(Kernels::kvTypes);
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {
        Device device = arrive(ownerOf(table));
        Tensor source = in(device, ids);
        device.kernels().embed(out(device, out), in(device, table), source);
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        Device device = arrive(ownerOf(weight));
        Tensor source = in(device, x);
        device.kernels().matmul(out(device, out), source, in(device, weight));
    }

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        if (stack.buffer() instanceof SplitStack) {
            throw new IllegalStateException(
                    "experts that are split over devices are multiplied by experts(...) only");
        }
        Device device = arrive(ownerOf(stack));
        Tensor source = in(device, x);
        Tensor choices = in(device, ids);
        device.kernels().matmulByExpert(out(device, out), source, in(device, stack), choices);
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        Device device = arrive(home(x));
        Tensor choices = in(device, ids);
        Tensor added = in(device, biases);
        device.kernels().addByExpert(inOut(device, x), added, choices);
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        Device device = arrive(home(logits));
        Tensor source = in(device, logits);
        Routing local = locals.routing(device, routing);
        device.kernels().route(out(device, ids), out(device, weights), source, local);
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        Device device = arrive(home(y));
        Tensor parts = in(device, y);
        Tensor shares = in(device, weights);
        Tensor choices = in(device, ids);
        device.kernels().combineExperts(out(device, out), parts, shares, choices);
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        Device device = arrive(ownerOf(weight));
        Tensor source = in(device, x);
        device.kernels().rmsNorm(out(device, out), source, in(device, weight), epsilon);
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        Device device = arrive(home(x));
        Tensor places = in(device, positions);
        device.kernels().rope(inOut(device, x), places, plan);
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        PlacedBuffer cache = placed(kv.keys());
        Device device = arrive(cache.owner());
        Tensor newKeys = in(device, keys);
        Tensor newValues = values == null ? null : in(device, values);
        Tensor places = in(device, slots);
        device.kernels().appendKv(cache.local(kv), newKeys, newValues, places);
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        if (kv.keys().buffer() instanceof PlacedActivation) {
            attentionToActivations(out, q, kv, plan, layout);
            return;
        }
        PlacedBuffer cache = placed(kv.keys());
        Device device = arrive(cache.owner());
        Tensor queries = in(device, q);
        KvPages pages = cache.local(kv);
        AttentionPlan local = locals.plan(device, plan);
        device.kernels().attention(out(device, out), queries, pages, local, layout);
    }

    /** Keys and values that were computed in this step. */
    private void attentionToActivations(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        Device device = arrive(home(kv.keys()));
        Tensor queries = in(device, q);
        Tensor keys = in(device, kv.keys());
        Tensor values = kv.values() == null ? null : in(device, kv.values());
        KvPages pages = new KvPages(keys, values, kv.pageSize(), kv.precision());
        AttentionPlan local = locals.plan(device, plan);
        device.kernels().attention(out(device, out), queries, pages, local, layout);
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        Device device = arrive(home(gate));
        Tensor gates = in(device, gate);
        Tensor ups = in(device, up);
        device.kernels().gate(out(device, out), gates, ups, activation);
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        Device device = arrive(home(a));
        Tensor left = in(device, a);
        Tensor right = in(device, b);
        device.kernels().add(out(device, out), left, right);
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        Device device = arrive(home(out));
        Tensor source = in(device, x);
        Tensor factors = in(device, scores);
        device.kernels().addSigmoidScaled(inOut(device, out), source, factors);
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        Device device = arrive(home(x));
        Tensor source = in(device, x);
        Tensor rows = in(device, ids);
        device.kernels().gatherRows(out(device, out), source, rows);
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        Device device = arrive(home(x));
        Tensor source = in(device, x);
        device.kernels().copyColumns(out(device, out), source, from);
    }

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        Device device = arrive(home(x));
        Tensor source = in(device, x);
        device.kernels().pasteColumns(inOut(device, out), to, source, from, columns);
    }

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        Device device = arrive(ownerOf(stack));
        Tensor source = in(device, x);
        device.kernels().matmulByHead(out(device, out), source, in(device, stack), first);
    }

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        Device device = arrive(ownerOf(stack));
        Tensor source = in(device, x);
        device.kernels().matmulByHeadTransposed(out(device, out), source, in(device, stack), first);
    }

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        PlacedBuffer cache = placed(kv.keys());
        Device device = arrive(cache.owner());
        device.kernels().readKeys(out(device, out), cache.local(kv), layout);
    }

    @Override
    public void addRmsNorm(
            Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        Device device = arrive(ownerOf(weight));
        Tensor left = in(device, a);
        Tensor right = in(device, b);
        Tensor total = out(device, sum);
        device.kernels()
                .addRmsNorm(out(device, out), total, left, right, in(device, weight), epsilon);
    }

    /** Positions and slots are brought to the device that holds the layer's pages. */
    @Override
    public void project(
            Tensor q,
            Tensor x,
            ProjectionWeights weights,
            Tensor positions,
            KvPages kv,
            Tensor slots,
            Workspace workspace) {
        Device owner =
                LocalWeights.commonOwner(
                        kv.keys(),
                        weights.query().weight(),
                        weights.key().weight(),
                        weights.value().weight());
        if (owner == null) {
            Kernels.super.project(q, x, weights, positions, kv, slots, workspace);
            return;
        }
        Device device = arrive(owner);
        Tensor source = in(device, x);
        Tensor at = in(device, positions);
        Tensor places = in(device, slots);
        ProjectionWeights local = locals.projections(device, weights);
        KvPages pages = placed(kv.keys()).local(kv);
        device.kernels()
                .project(
                        out(device, q),
                        source,
                        local,
                        at,
                        pages,
                        places,
                        placed(workspace).on(device));
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        Device owner = LocalWeights.commonOwner(weights.gate(), weights.up(), weights.down());
        if (owner == null) {
            Kernels.super.feedForward(out, x, weights, workspace);
            return;
        }
        Device device = arrive(owner);
        Tensor source = in(device, x);
        FeedForwardWeights local = locals.feedForward(device, weights);
        device.kernels().feedForward(out(device, out), source, local, placed(workspace).on(device));
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        late.compute();
        long mark = workspace.mark();
        if (weights.gate().buffer() instanceof SplitStack split) {
            new SplitExperts(this, locals, out, x, ids, routeWeights, workspace)
                    .compute(weights, split);
        } else {
            wholeExperts(out, x, ids, routeWeights, weights, workspace);
        }
        workspace.release(mark);
        late.addTo(out, workspace);
    }

    private void wholeExperts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        Device owner = LocalWeights.commonOwner(weights.gate(), weights.up(), weights.down());
        if (owner == null) {
            Kernels.super.experts(out, x, ids, routeWeights, weights, workspace);
            return;
        }
        Device device = arrive(owner);
        Tensor source = in(device, x);
        Tensor now =
                device.usesHostMemory()
                        ? late.defer(weights, x, ids, routeWeights, workspace, id -> true)
                        : ids;
        Tensor choices = in(device, now);
        Tensor shares = in(device, routeWeights);
        ExpertWeights local = locals.experts(device, weights, 0);
        device.kernels()
                .experts(
                        out(device, out),
                        source,
                        choices,
                        shares,
                        local,
                        placed(workspace).on(device));
    }

    @Override
    public void mixtureOfExperts(
            Tensor out,
            Tensor x,
            RouterWeights router,
            ExpertWeights weights,
            Workspace workspace) {
        Device owner =
                LocalWeights.commonOwner(
                        router.weight(), weights.gate(), weights.up(), weights.down());
        if (owner == null) {
            Kernels.super.mixtureOfExperts(out, x, router, weights, workspace);
            return;
        }
        Device device = arrive(owner);
        Tensor source = in(device, x);
        RouterWeights localRouter = locals.router(device, router);
        ExpertWeights local = locals.experts(device, weights, 0);
        device.kernels()
                .mixtureOfExperts(
                        out(device, out), source, localRouter, local, placed(workspace).on(device));
        late.compute(); // while the device works
        late.addTo(out, workspace);
    }

    /**
     * The rows and choices are brought to the experts before the shared expert is begun: on a
     * device that works by itself it then runs while the host computes the others.
     */
    @Override
    public void mixtureBesideShared(
            Tensor out,
            Tensor shared,
            Tensor x,
            FeedForwardWeights sharedWeights,
            RouterWeights router,
            ExpertWeights weights,
            Workspace workspace) {
        if (LocalWeights.commonOwner(router.weight(), weights.gate(), weights.up(), weights.down())
                != null) {
            Kernels.super.mixtureBesideShared(
                    out, shared, x, sharedWeights, router, weights, workspace);
            return;
        }
        long mark = workspace.mark();
        int used = router.routing().used();
        Tensor logits = workspace.take(x.rows(), router.weight().rows());
        Tensor ids = workspace.take(DType.I32, x.rows(), used);
        Tensor routeWeights = workspace.take(x.rows(), used);
        chooseExperts(ids, routeWeights, logits, x, router);
        late.compute();
        for (Device device : LocalWeights.owners(weights.gate())) {
            in(device, x);
            in(device, ids);
            in(device, routeWeights);
        }
        feedForward(shared, x, sharedWeights, workspace);
        experts(out, x, ids, routeWeights, weights, workspace);
        workspace.release(mark);
    }

    /**
     * Two devices that share the host's memory see each other's writes only once they are done; for
     * devices that work by themselves this waits.
     */
    Device arrive(Device device) {
        if (device.usesHostMemory()) {
            if (lastOnHost != null && lastOnHost.index() != device.index()) {
                lastOnHost.backend().synchronize();
            }
            lastOnHost = device;
        }
        return device;
    }

    private static PlacedBuffer placed(Tensor weight) {
        if (weight.buffer() instanceof PlacedBuffer placed) {
            return placed;
        }
        throw foreign(weight.buffer());
    }

    private static Device ownerOf(Tensor weight) {
        return placed(weight).owner();
    }

    /** Where an activation was written, or the first device for what the host wrote. */
    private Device home(Tensor x) {
        Device owner = activation(x).owner();
        return owner == null ? devices.device(0) : owner;
    }

    static Tensor in(Device device, Tensor tensor) {
        return switch (tensor.buffer()) {
            case PlacedActivation activation -> activation.reading(device, tensor);
            case PlacedBuffer weight -> weight.on(device, tensor);
            default -> throw foreign(tensor.buffer());
        };
    }

    static Tensor out(Device device, Tensor tensor) {
        return activation(tensor).writing(device, tensor);
    }

    private static Tensor inOut(Device device, Tensor tensor) {
        PlacedActivation activation = activation(tensor);
        activation.reading(device, tensor);
        return activation.changing(device, tensor);
    }

    static PlacedActivation activation(Tensor tensor) {
        if (tensor.buffer() instanceof PlacedActivation activation) {
            return activation;
        }
        throw foreign(tensor.buffer());
    }

    static PlacedWorkspace placed(Workspace workspace) {
        if (workspace instanceof PlacedWorkspace placed) {
            return placed;
        }
        throw new IllegalArgumentException(
                "a model on several devices runs with a workspace made for it, not with a "
                        + workspace.getClass().getSimpleName());
    }

    private static IllegalArgumentException foreign(Buffer buffer) {
        return new IllegalArgumentException(
                "a model on several devices takes weights, pages and activations made for it, not a "
                        + buffer.getClass().getSimpleName());
    }
}
