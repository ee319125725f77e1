package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Copies of experts in the memory of a device. */
final class ExpertCopies {
    private ExpertCopies() {}

    /**
     * Fills places side by side with experts. All are on their way at once, so that a device that
     * brings bytes with several threads can; experts that follow each other in the file are one
     * upload.
     *
     * @param stack all experts of a stack, one after the other
     * @param expertBytes size of one
     * @param experts their ids, by place
     */
    static void bring(
            Device device,
            Buffer places,
            MemorySegment stack,
            long expertBytes,
            List<Integer> experts) {
        List<Transfer> underWay = new ArrayList<>();
        try {
            begin(device, places, stack, expertBytes, experts, underWay);
        } finally {
            joinAll(underWay);
        }
    }

    private static void begin(
            Device device,
            Buffer places,
            MemorySegment stack,
            long expertBytes,
            List<Integer> experts,
            List<Transfer> underWay) {
        int end;
        for (int place = 0; place < experts.size(); place = end) {
            int first = experts.get(place);
            end = place + 1;
            while (end < experts.size() && experts.get(end) == first + end - place) {
                end++;
            }
            MemorySegment run = stack.asSlice(first * expertBytes, (end - place) * expertBytes);
            underWay.add(device.backend().upload(places, place * expertBytes, run));
        }
    }

    /** Also when one fails: then the places are freed, and nothing may still be written to them. */
    private static void joinAll(List<Transfer> underWay) {
        @Nullable RuntimeException failure = null;
        for (Transfer transfer : underWay) {
            try {
                transfer.join();
            } catch (RuntimeException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
