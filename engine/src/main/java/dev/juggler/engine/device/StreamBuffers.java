package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Transfer;
import java.util.ArrayList;
import java.util.List;

/**
 * Two buffers on a device through which chunks of experts come, in turn: one is filled while the
 * device computes with the other. Uploads begin behind what is enqueued, so a buffer is not
 * overwritten while it is read.
 */
final class StreamBuffers {
    private final Device device;
    private final List<Half> halves;
    private final List<StreamedLayer> layers = new ArrayList<>();
    private int turn;

    /** One of the two. */
    static final class Half {
        private final int index;
        private final Buffer buffer;
        private final List<Transfer> underWay = new ArrayList<>();
        private StreamedLayer.Chunk holds = StreamedLayer.Chunk.NONE;

        Half(int index, Buffer buffer) {
            this.index = index;
            this.buffer = buffer;
        }

        int index() {
            return index;
        }

        Buffer buffer() {
            return buffer;
        }

        /** What is enqueued from now on finds the chunk here. */
        void join() {
            underWay.forEach(Transfer::join);
            underWay.clear();
        }
    }

    StreamBuffers(Device device, Buffer first, Buffer second) {
        this.device = device;
        halves = List.of(new Half(0, first), new Half(1, second));
    }

    Device device() {
        return device;
    }

    List<Half> halves() {
        return halves;
    }

    /** Layers are added in the order in which they are computed. */
    void add(StreamedLayer layer) {
        layers.add(layer);
    }

    /** The buffer that a chunk is in or on its way to; if it is in none, its upload begins. */
    Half bring(StreamedLayer.Chunk chunk) {
        for (Half half : halves) {
            if (half.holds.equals(chunk)) {
                turn = 1 - half.index;
                return half;
            }
        }
        Half half = halves.get(turn);
        turn = 1 - turn;
        half.join(); // a chunk that nobody came for is not to arrive on top of this one
        half.holds = chunk;
        chunk.upload(device.backend(), half, half.underWay);
        return half;
    }

    /** The first chunk of the layer behind this one, or none behind the last. */
    StreamedLayer.Chunk behind(StreamedLayer layer) {
        int next = layers.indexOf(layer) + 1;
        return next < layers.size()
                ? layers.get(next).chunks().getFirst()
                : StreamedLayer.Chunk.NONE;
    }
}
