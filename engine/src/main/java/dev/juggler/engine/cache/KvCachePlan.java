package dev.juggler.engine.cache;

import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * How large a cache is, before any of it is allocated.
 *
 * @param layers what each layer stores for a position
 * @param dtype how keys and values are stored
 * @param groups the pages of layers that see equally far, in the order in which the first layers of
 *     the groups stand
 * @param pageSize positions of a page
 */
public record KvCachePlan(
        List<KvLayerShape> layers, DType dtype, List<PageGroup> groups, int pageSize) {
    /** Positions of a page unless something else is asked for. */
    public static final int PAGE_SIZE = 64;

    public KvCachePlan {
        layers = List.copyOf(layers);
        groups = List.copyOf(groups);
        if (!windows(layers).equals(groups.stream().map(PageGroup::window).toList())) {
            throw new IllegalArgumentException(
                    "groups %s are not those of layers %s".formatted(groups, layers));
        }
        for (PageGroup group : groups) {
            if (pageSize < 1 || (long) group.pages() * pageSize > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(
                        "a cache of %d pages of %d positions is larger than %d; lower context or parallel"
                                .formatted(group.pages(), pageSize, Integer.MAX_VALUE));
            }
        }
    }

    /**
     * A cache in which {@code parallel} sequences of {@code context} positions have room; layers
     * with a sliding window keep what their rows see.
     *
     * @param rows most rows of a sequence in a step
     * @throws IllegalArgumentException if these are more positions than can be counted
     */
    public static KvCachePlan of(
            List<KvLayerShape> layers, DType dtype, int context, int parallel, int rows) {
        List<PageGroup> groups = new ArrayList<>();
        for (int window : windows(layers)) {
            int all = pagesFor(context, PAGE_SIZE);
            int used = window == 0 ? all : Math.min(all, PageGroup.ring(window, rows, PAGE_SIZE));
            long pages = (long) used * parallel;
            if (pages * PAGE_SIZE > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(
                        "%d sequences of %d positions are more than a cache can hold"
                                .formatted(parallel, context));
            }
            groups.add(new PageGroup(window, (int) pages, used));
        }
        return new KvCachePlan(layers, dtype, groups, PAGE_SIZE);
    }

    /** The windows of these layers, each once. */
    public static List<Integer> windows(List<KvLayerShape> layers) {
        return layers.stream().map(KvLayerShape::window).distinct().toList();
    }

    /** Pages that {@code positions} positions fill. */
    public static int pagesFor(int positions, int pageSize) {
        return (int) (((long) positions + pageSize - 1) / pageSize);
    }

    /** The group of a layer. */
    public int group(int layer) {
        int window = layers.get(layer).window();
        int group = 0;
        while (groups.get(group).window() != window) {
            group++;
        }
        return group;
    }

    /** Pages of a layer. */
    public int pages(int layer) {
        return groups.get(group(layer)).pages();
    }

    /** Bytes of the keys of one layer. */
    public long keyBytes(int layer) {
        return bytesOf(layer, layers.get(layer).keyWidth());
    }

    /** Bytes of the values of one layer; 0 where they are a part of the keys. */
    public long valueBytes(int layer) {
        int width = layers.get(layer).valueWidth();
        return width == 0 ? 0 : bytesOf(layer, width);
    }

    /** Bytes of one layer, keys and values. */
    public long bytes(int layer) {
        return Math.addExact(keyBytes(layer), valueBytes(layer));
    }

    /** Bytes of all layers. */
    public long bytes() {
        long sum = 0;
        for (int layer = 0; layer < layers.size(); layer++) {
            sum = Math.addExact(sum, bytes(layer));
        }
        return sum;
    }

    private long bytesOf(int layer, int width) {
        return Math.multiplyExact(dtype.bytes(width), (long) pages(layer) * pageSize);
    }
}
