package dev.juggler.engine.cache;

import dev.juggler.engine.model.KvCache;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.UnsupportedDTypeException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a cache: for each layer its pages, on the device that computes the layer's
 * attention. Which sequence owns which page is told by {@link PageTables}.
 */
public final class PagedKvCache implements KvCache, AutoCloseable {
    private final List<KvPages> layers = new ArrayList<>();
    private final List<Buffer> buffers = new ArrayList<>();

    private PagedKvCache() {}

    /**
     * Allocates all pages.
     *
     * @param owner the device of each layer's attention
     * @throws UnsupportedDTypeException if a device cannot store the plan's type
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if a device has not enough memory;
     *     nothing stays allocated
     */
    public static PagedKvCache allocate(KvCachePlan plan, IntFunction<Backend> owner) {
        PagedKvCache cache = new PagedKvCache();
        try {
            for (int layer = 0; layer < plan.layers().size(); layer++) {
                cache.addLayer(plan, layer, owner.apply(layer));
            }
        } catch (RuntimeException e) {
            cache.close();
            throw e;
        }
        return cache;
    }

    @Override
    public KvPages layer(int layer) {
        return layers.get(layer);
    }

    /** Bytes allocated on all devices together. */
    public long byteSize() {
        return buffers.stream().mapToLong(Buffer::byteSize).sum();
    }

    @Override
    public void close() {
        buffers.forEach(Buffer::close);
        buffers.clear();
        layers.clear();
    }

    private void addLayer(KvCachePlan plan, int layer, Backend backend) {
        DType dtype = plan.dtype();
        if (!backend.kernels().kvTypes().contains(dtype)) {
            throw new UnsupportedDTypeException(
                    backend.device(),
                    "cache of keys and values (kv-type; it has %s)"
                            .formatted(backend.kernels().kvTypes()),
                    dtype);
        }
        Tensor keys = tensor(plan, layer, backend, plan.layers().get(layer).keyWidth());
        int valueWidth = plan.layers().get(layer).valueWidth();
        @Nullable Tensor values = valueWidth == 0 ? null : tensor(plan, layer, backend, valueWidth);
        layers.add(new KvPages(keys, values, plan.pageSize()));
    }

    private Tensor tensor(KvCachePlan plan, int layer, Backend backend, int width) {
        Shape shape = new Shape(plan.pages(layer), plan.pageSize(), width);
        long bytes = plan.dtype().bytes(width) * plan.pageSize() * plan.pages(layer);
        Buffer buffer = backend.allocate(bytes);
        buffers.add(buffer);
        return new Tensor(plan.dtype(), shape, buffer, 0);
    }
}
