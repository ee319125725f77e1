package dev.juggler.engine.profile;

import dev.juggler.engine.placement.Role;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.ForwardingKernels;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.function.Function;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * Times every operation of other kernels and waits for each, so that what runs side by side
 * otherwise is told apart. A mixture of experts is split into its router and its experts; all else
 * is computed as it would be without.
 */
public final class ProfiledKernels extends ForwardingKernels {
    private final Function<Tensor, Role> roles;
    private final Runnable synchronize;
    private final Profile profile;

    /**
     * @param roles of weights
     * @param synchronize waits until the devices have done what they were told
     * @param profile where time and work are added
     */
    public ProfiledKernels(
            Kernels kernels, Function<Tensor, Role> roles, Runnable synchronize, Profile profile) {
        super(kernels);
        this.roles = roles;
        this.synchronize = synchronize;
        this.profile = profile;
    }

    /** Whether a recording wants to know every operation. */
    // The class of an event is not touched without a recorder: registering it takes 0.1 s.
    public static boolean isRecording() {
        return FlightRecorder.isInitialized() && new OperationEvent().isEnabled();
    }

    /** What an operation costs at least. */
    private record Work(String name, Phase phase, int rows, long bytes, long operations) {
        static Work of(String name, Phase phase, int rows) {
            return new Work(name, phase, rows, 0, 0);
        }

        /** A product of rows with the whole of a weight. */
        static Work product(String name, Phase phase, int rows, Tensor... weights) {
            long bytes = 0;
            long elements = 0;
            for (Tensor weight : weights) {
                bytes += weight.byteSize();
                elements += weight.shape().elements();
            }
            return new Work(name, phase, rows, bytes, 2 * elements * rows);
        }

        /** A product of rows with the chosen ones of a stack. */
        static Work byExpert(String name, int choices, Tensor... stacks) {
            long bytes = 0;
            long elements = 0;
            for (Tensor stack : stacks) {
                int experts = Math.max(1, stack.shape().count());
                bytes += stack.byteSize() / experts * Math.min(experts, choices);
                elements += stack.shape().elements() / experts;
            }
            return new Work(name, Phase.EXPERTS, choices, bytes, 2 * elements * choices);
        }
    }

    private void time(Work work, Runnable operation) {
        OperationEvent event = new OperationEvent();
        event.begin();
        long start = System.nanoTime();
        operation.run();
        synchronize.run();
        profile.add(work.phase, System.nanoTime() - start, work.bytes, work.operations);
        event.end();
        if (event.shouldCommit()) {
            event.phase = work.phase.toString();
            event.operation = work.name;
            event.rows = work.rows;
            event.bytes = work.bytes;
            event.commit();
        }
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {
        time(Work.of("embed", Phase.EMBED, out.rows()), () -> super.embed(out, table, ids));
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        Phase phase = Phase.of(roles.apply(weight));
        time(Work.product("matmul", phase, x.rows(), weight), () -> super.matmul(out, x, weight));
    }

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        time(
                Work.byExpert("matmulByExpert", out.rows(), stack),
                () -> super.matmulByExpert(out, x, stack, ids));
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        time(
                Work.of("addByExpert", Phase.EXPERTS, x.rows()),
                () -> super.addByExpert(x, biases, ids));
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        time(
                Work.of("route", Phase.ROUTER, logits.rows()),
                () -> super.route(ids, weights, logits, routing));
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        time(
                Work.of("combineExperts", Phase.EXPERTS, out.rows()),
                () -> super.combineExperts(out, y, weights, ids));
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        Phase phase = Phase.of(roles.apply(weight)); // of heads: attention
        time(Work.of("rmsNorm", phase, x.rows()), () -> super.rmsNorm(out, x, weight, epsilon));
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        time(Work.of("rope", Phase.ATTENTION, x.rows()), () -> super.rope(x, positions, plan));
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        time(
                Work.of("appendKv", Phase.ATTENTION, keys.rows()),
                () -> super.appendKv(kv, keys, values, slots));
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        time(
                Work.of("attention", Phase.ATTENTION, q.rows()),
                () -> super.attention(out, q, kv, plan, layout));
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        time(
                Work.of("gate", Phase.FEED_FORWARD, out.rows()),
                () -> super.gate(out, gate, up, activation));
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        time(Work.of("add", Phase.OTHER, out.rows()), () -> super.add(out, a, b));
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        time(
                Work.of("addSigmoidScaled", Phase.FEED_FORWARD, out.rows()),
                () -> super.addSigmoidScaled(out, x, scores));
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        time(Work.of("gatherRows", Phase.OTHER, out.rows()), () -> super.gatherRows(out, x, ids));
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        time(
                Work.of("copyColumns", Phase.OTHER, out.rows()),
                () -> super.copyColumns(out, x, from));
    }

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        time(
                Work.of("pasteColumns", Phase.OTHER, x.rows()),
                () -> super.pasteColumns(out, to, x, from, columns));
    }

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        Phase phase = Phase.of(roles.apply(stack));
        time(
                byHead("matmulByHead", phase, out, stack, out.columns()),
                () -> super.matmulByHead(out, x, stack, first));
    }

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        Phase phase = Phase.of(roles.apply(stack));
        time(
                byHead("matmulByHeadTransposed", phase, out, stack, x.columns()),
                () -> super.matmulByHeadTransposed(out, x, stack, first));
    }

    private static Work byHead(String name, Phase phase, Tensor out, Tensor stack, int used) {
        int heads = stack.shape().count();
        long bytes = stack.byteSize() / stack.shape().rows() * used;
        long operations = 2L * used * stack.columns() * out.rows();
        return new Work(name, phase, out.rows() / heads, bytes, operations);
    }

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        time(
                Work.of("readKeys", Phase.ATTENTION, out.rows()),
                () -> super.readKeys(out, kv, layout));
    }

    @Override
    public void addRmsNorm(
            Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        time(
                Work.of("addRmsNorm", Phase.OTHER, out.rows()),
                () -> super.addRmsNorm(out, sum, a, b, weight, epsilon));
    }

    @Override
    public void project(
            Tensor q,
            Tensor x,
            ProjectionWeights weights,
            Tensor positions,
            KvPages kv,
            Tensor slots,
            Workspace workspace) {
        time(
                Work.product(
                        "project",
                        Phase.ATTENTION,
                        x.rows(),
                        weights.query().weight(),
                        weights.key().weight(),
                        weights.value().weight()),
                () -> super.project(q, x, weights, positions, kv, slots, workspace));
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        time(
                Work.product(
                        "feedForward",
                        Phase.FEED_FORWARD,
                        x.rows(),
                        weights.gate(),
                        weights.up(),
                        weights.down()),
                () -> super.feedForward(out, x, weights, workspace));
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        time(
                Work.byExpert(
                        "experts",
                        x.rows() * ids.columns(),
                        weights.gate(),
                        weights.up(),
                        weights.down()),
                () -> super.experts(out, x, ids, routeWeights, weights, workspace));
    }
}
