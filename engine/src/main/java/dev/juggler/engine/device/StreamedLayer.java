package dev.juggler.engine.device;

import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The experts of one layer that live in main memory and come to a device in steps of many rows, a
 * chunk after the other.
 */
final class StreamedLayer {
    private final StreamedExperts plan;
    private final StreamBuffers buffers;
    private final List<Stack> stacks = new ArrayList<>();
    private final List<Chunk> chunks = new ArrayList<>();
    private long end;

    /** One of the layer's stacks in host memory, and where its chunks begin in a buffer. */
    private record Stack(MemorySegment all, long expertBytes, long offset) {}

    /** Some of the experts, in rising order. */
    static final class Chunk {
        /** No experts of no layer. */
        static final Chunk NONE = new Chunk(null, new int[0], 0);

        private final @Nullable StreamedLayer layer;
        private final int[] ids;
        private final int[] localIds;

        private Chunk(@Nullable StreamedLayer layer, int[] ids, int experts) {
            this.layer = layer;
            this.ids = ids;
            localIds = new int[experts];
            Arrays.fill(localIds, SplitStack.ELSEWHERE);
            for (int i = 0; i < ids.length; i++) {
                localIds[ids[i]] = i;
            }
        }

        int localId(int expert) {
            return expert < 0 ? SplitStack.ELSEWHERE : localIds[expert];
        }

        /** Begins to copy all stacks' parts; experts side by side are one copy. */
        void upload(Backend backend, StreamBuffers.Half half, List<Transfer> underWay) {
            if (layer == null) {
                return;
            }
            for (Stack stack : layer.stacks) {
                int from = 0;
                for (int i = 1; i <= ids.length; i++) {
                    if (i == ids.length || ids[i] != ids[i - 1] + 1) {
                        long bytes = stack.expertBytes * (i - from);
                        MemorySegment run = stack.all.asSlice(stack.expertBytes * ids[from], bytes);
                        long offset = stack.offset + stack.expertBytes * from;
                        underWay.add(backend.upload(half.buffer(), offset, run));
                        from = i;
                    }
                }
            }
        }
    }

    /**
     * @param experts how many the layer has
     * @param inMainMemory which of them are there
     */
    StreamedLayer(
            StreamedExperts plan, StreamBuffers buffers, int experts, IntPredicate inMainMemory) {
        this.plan = plan;
        this.buffers = buffers;
        int[] ids = IntStream.range(0, experts).filter(inMainMemory).toArray();
        for (int from = 0; from < ids.length; from += plan.chunk()) {
            int to = Math.min(ids.length, from + plan.chunk());
            chunks.add(new Chunk(this, Arrays.copyOfRange(ids, from, to), experts));
        }
        if (!chunks.isEmpty()) {
            buffers.add(this);
        }
    }

    /**
     * Adds a stack.
     *
     * @return where its experts begin in each buffer
     */
    long add(MemorySegment all, long expertBytes) {
        long offset = end;
        stacks.add(new Stack(all, expertBytes, offset));
        end += StreamedExperts.aligned(plan.chunk() * expertBytes);
        return offset;
    }

    /** How many experts a buffer holds. */
    int chunkSize() {
        return plan.chunk();
    }

    List<Chunk> chunks() {
        return chunks;
    }

    StreamBuffers buffers() {
        return buffers;
    }

    /** The chunk that is used after one: of this layer, or the first of the next. */
    Chunk behind(int chunk) {
        return chunk + 1 < chunks.size() ? chunks.get(chunk + 1) : buffers.behind(this);
    }

    /** Whether a step of so many rows is computed with experts that come over. */
    boolean isFor(Tensor x) {
        return x.rows() >= plan.whenRows() && !chunks.isEmpty();
    }
}
