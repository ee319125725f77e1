package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A stack of experts that is spread over devices by the experts' ids. It has the size of the whole
 * stack but can be used only by {@link PlacedKernels}, part by part.
 */
final class SplitStack implements Buffer {
    /** An id that stands for "not here". */
    static final int ELSEWHERE = -1;

    /** The experts of one device. */
    static final class Part {
        private final Device device;
        private final Tensor stack;
        private final int[] localIds;
        private final int @Nullable [] elsewhere;

        /**
         * @param stack the experts that are here, as the device's kernels take them
         * @param localIds for each expert of the whole stack its number in {@code stack}, or {@link
         *     #ELSEWHERE}
         * @param elsewhere the same of a part that is used instead of this one for the experts that
         *     it has, or null
         */
        Part(Device device, Tensor stack, int[] localIds, int @Nullable [] elsewhere) {
            this.device = device;
            this.stack = stack;
            this.localIds = localIds;
            this.elsewhere = elsewhere;
        }

        Device device() {
            return device;
        }

        Tensor stack() {
            return stack;
        }

        int localId(int expert) {
            if (expert < 0 || (elsewhere != null && elsewhere[expert] != ELSEWHERE)) {
                return ELSEWHERE;
            }
            return localIds[expert];
        }

        boolean holdsTheSameAs(Part other) {
            return device.index() == other.device.index()
                    && Arrays.equals(localIds, other.localIds);
        }
    }

    private final long bytes;
    private final List<Part> parts;
    private final @Nullable LiveLayer live;
    private final @Nullable StreamedLayer streamed;
    private final List<Tensor> streamBuffers;

    /**
     * @param bytes of the whole stack
     * @param parts devices that work by themselves first, so that they are busy while the host is
     * @param live the experts that come and go, which have the first part; null if all stay
     * @param streamed how those in main memory come to a device in steps of many rows, or null
     * @param streamBuffers the stack in each of the buffers through which they come
     */
    SplitStack(
            long bytes,
            List<Part> parts,
            @Nullable LiveLayer live,
            @Nullable StreamedLayer streamed,
            List<Tensor> streamBuffers) {
        this.bytes = bytes;
        this.parts = List.copyOf(parts);
        this.live = live;
        this.streamed = streamed;
        this.streamBuffers = List.copyOf(streamBuffers);
    }

    /** The experts that come and go, or null if all stay. */
    @Nullable LiveLayer live() {
        return live;
    }

    /**
     * How experts in main memory come to a device in steps of many rows, or null if they do not.
     */
    @Nullable StreamedLayer streamed() {
        return streamed;
    }

    /** Whether an expert is computed in main memory, unless it comes to a device. */
    boolean isOnHost(int expert) {
        for (Part part : parts) {
            if (part.device().usesHostMemory() && part.localId(expert) != ELSEWHERE) {
                return true;
            }
        }
        return false;
    }

    /** The stack in one of the buffers through which experts come. */
    Tensor streamBuffer(int half) {
        return streamBuffers.get(half);
    }

    List<Part> parts() {
        return parts;
    }

    /** Whether each expert is where it is in {@code other}. */
    boolean isSplitLike(SplitStack other) {
        if (parts.size() != other.parts.size()) {
            return false;
        }
        for (int i = 0; i < parts.size(); i++) {
            if (!parts.get(i).holdsTheSameAs(other.parts.get(i))) {
                return false;
            }
        }
        return true;
    }

    @Override
    public long byteSize() {
        return bytes;
    }

    @Override
    public @Nullable MemorySegment host() {
        return null;
    }

    @Override
    public void read(long offset, MemorySegment target) {
        throw new UnsupportedOperationException("a split stack of experts is not read as a whole");
    }

    @Override
    public void write(long offset, MemorySegment source) {
        throw new UnsupportedOperationException("weights are not written");
    }

    @Override
    public void close() {
        // the parts belong to the weights that were loaded
    }
}
