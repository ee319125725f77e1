package dev.juggler.engine.device;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.util.List;

/**
 * What is known of a model before its data are read.
 *
 * @param architecture value of {@code general.architecture}
 * @param weights every weight that would be loaded, in the order in which the architecture takes
 *     them; tied embeddings appear twice
 * @param kvLayers what each layer stores for a position
 * @param vocabularySize width of a row of logits
 * @param expertsUsed experts of a layer that a token is sent to, 0 where there are none
 * @param dryModel the model on weights without data
 */
public record ModelDescription(
        String architecture,
        List<WeightDescriptor> weights,
        List<KvLayerShape> kvLayers,
        int vocabularySize,
        int expertsUsed,
        Model dryModel) {
    private static final Tensor NO_PAGE =
            new Tensor(DType.F32, new Shape(1, 1, 1), new PhantomBuffer(4), 0);

    public ModelDescription {
        weights = List.copyOf(weights);
        kvLayers = List.copyOf(kvLayers);
    }

    /** The weight whose device does a layer's attention and keeps its keys and values. */
    WeightDescriptor attentionWeight(int layer) {
        return weights.stream()
                .filter(weight -> weight.layer() == layer && weight.role() == Role.ATTENTION)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("layer " + layer));
    }

    /**
     * Bytes of workspace that a step takes, found by a dry run; with several devices each needs
     * them. What the batch takes for ids, positions, slots and output rows is included.
     *
     * @param rows most rows of a step
     * @param outputs most rows of a step whose logits are wanted
     * @param splitExperts whether experts are spread over devices by their ids
     * @param deferred how many experts of a generated token at most come one layer later
     */
    public long workspaceBytes(int rows, int outputs, boolean splitExperts, int deferred) {
        long most = 0;
        // A step in which some rows give no logits takes copies of those that do.
        for (int used : new int[] {outputs, Math.min(outputs, rows - 1)}) {
            WorkspaceMeter meter = new WorkspaceMeter();
            Batch batch = new DryBatch(rows, used, meter.take(DType.I32, 1, rows));
            int inputs = 3 + KvCachePlan.windows(kvLayers).size();
            for (int input = 1; input < inputs; input++) {
                meter.take(DType.I32, 1, rows);
            }
            if (deferred > 0) {
                LateExperts.measure(meter, Math.max(1, outputs), deferred, dryModel.width());
            }
            KvCache cache = layer -> new KvPages(NO_PAGE, NO_PAGE, 1);
            dryModel.forward(batch, cache, meter, new NoKernels(splitExperts, deferred > 0));
            most = Math.max(most, meter.peak());
        }
        return most;
    }

    private record DryBatch(int rows, int outputs, Tensor input) implements Batch {
        @Override
        public boolean isGenerated(int row) {
            return false;
        }

        @Override
        public Tensor ids() {
            return input;
        }

        @Override
        public Tensor positions() {
            return input;
        }

        @Override
        public Tensor outputRows() {
            return input;
        }

        @Override
        public Tensor slots(int layer) {
            return input;
        }

        @Override
        public BatchLayout layout(int layer) {
            return new BatchLayout(1);
        }
    }
}
