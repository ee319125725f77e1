package dev.juggler.engine.cache;

import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.DType;
import java.util.List;

/**
 * How large a cache is, before any of it is allocated.
 *
 * @param layers what each layer stores for a position
 * @param dtype how keys and values are stored
 * @param pages pages of each layer
 * @param pageSize positions of a page
 */
public record KvCachePlan(List<KvLayerShape> layers, DType dtype, int pages, int pageSize) {
    /** Positions of a page unless something else is asked for. */
    public static final int PAGE_SIZE = 64;

    public KvCachePlan {
        layers = List.copyOf(layers);
        if (pages < 1 || pageSize < 1) {
            throw new IllegalArgumentException(
                    "a cache of %d pages of %d positions holds nothing".formatted(pages, pageSize));
        }
        if ((long) pages * pageSize > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "a cache of %d positions is larger than %d; lower context or parallel"
                            .formatted((long) pages * pageSize, Integer.MAX_VALUE));
        }
    }

    /** A cache in which {@code parallel} sequences of {@code context} positions have room. */
    public static KvCachePlan of(
            List<KvLayerShape> layers, DType dtype, int context, int parallel) {
        long pages = (long) pagesFor(context, PAGE_SIZE) * parallel;
        if (pages > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "%d sequences of %d positions are more than a cache can hold"
                            .formatted(parallel, context));
        }
        return new KvCachePlan(layers, dtype, (int) pages, PAGE_SIZE);
    }

    /** Pages that {@code positions} positions fill. */
    public static int pagesFor(int positions, int pageSize) {
        return (int) (((long) positions + pageSize - 1) / pageSize);
    }

    /** Bytes of the keys of one layer. */
    public long keyBytes(int layer) {
        return bytesOf(layers.get(layer).keyWidth());
    }

    /** Bytes of the values of one layer; 0 where they are a part of the keys. */
    public long valueBytes(int layer) {
        int width = layers.get(layer).valueWidth();
        return width == 0 ? 0 : bytesOf(width);
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

    private long bytesOf(int width) {
        return Math.multiplyExact(dtype.bytes(width), (long) pages * pageSize);
    }
}
