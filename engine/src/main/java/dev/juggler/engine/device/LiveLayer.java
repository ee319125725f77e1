package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.experts.MoveTurns;
import dev.juggler.engine.experts.Residents;
import dev.juggler.engine.experts.Residents.Move;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.profile.ExpertMoveEvent;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The experts of one layer that come and go on a device. A step computes with those that are there
 * when it comes to the layer; behind it a copy of one more may be begun, which the device does
 * while it and the host go on. Until it is there the expert is computed where it lives, and so is
 * the one whose place it takes: no step waits for a copy.
 */
final class LiveLayer {
    private final LiveExperts plan;
    private final Device device;
    private final Residents residents;
    private final boolean[] candidate;
    private final MoveTurns turns;
    private final CacheCounts counts;
    private final List<Stack> stacks = new ArrayList<>();
    private final List<Transfer> underWay = new ArrayList<>();

    /** One of the layer's stacks: all of it in host memory, and the places on the device. */
    private record Stack(MemorySegment all, long expertBytes, Buffer places) {}

    /**
     * @param turns shared by all layers of the model that have their places on this device
     * @param counts likewise
     */
    LiveLayer(
            LiveExperts plan,
            Device device,
            Residents residents,
            int experts,
            MoveTurns turns,
            CacheCounts counts) {
        this.plan = plan;
        this.device = device;
        this.residents = residents;
        this.turns = turns;
        this.counts = counts;
        candidate = new boolean[experts];
        plan.candidates().forEach(expert -> candidate[expert] = true);
    }

    /** Adds a stack, and fills its places with the experts that have them at the beginning. */
    void add(MemorySegment all, long expertBytes, Buffer places) {
        stacks.add(new Stack(all, expertBytes, places));
        ExpertCopies.bring(device, places, all, expertBytes, plan.first());
    }

    private static MemorySegment data(Stack stack, int expert) {
        return stack.all.asSlice(expert * stack.expertBytes, stack.expertBytes);
    }

    Device device() {
        return device;
    }

    int placeCount() {
        return plan.places();
    }

    /** For each expert its place on the device, {@link Residents#NOWHERE} without one. */
    int[] places() {
        return residents.places();
    }

    /** Lets those in who have arrived; the places stay as they are until the step is over. */
    void beginStep() {
        if (residents.isMoving() && underWay.stream().allMatch(Transfer::isDone)) {
            underWay.forEach(Transfer::join);
            underWay.clear();
            residents.arrived();
        }
    }

    /** A row is sent to an expert; negative: to none. */
    void used(int expert) {
        if (expert >= 0) {
            residents.used(expert);
            if (candidate[expert]) {
                boolean here = residents.places()[expert] != Residents.NOWHERE;
                counts.chosen(here ? 1 : 0, here ? 0 : 1);
            }
        }
    }

    /** All that the step computes with these experts is enqueued. */
    void endStep() {
        @Nullable Move move = residents.endStep(turns.mayMove(plan.layer()));
        if (move == null) {
            return;
        }
        turns.moved();
        counts.moved(plan.expertBytes());
        ExpertMoveEvent event = new ExpertMoveEvent();
        for (Stack stack : stacks) {
            long offset = move.place() * stack.expertBytes;
            underWay.add(device.backend().upload(stack.places, offset, data(stack, move.expert())));
        }
        if (event.shouldCommit()) {
            event.device = device.name();
            event.layer = plan.layer();
            event.expert = move.expert();
            event.gone = move.gone();
            event.bytes = plan.expertBytes();
            event.commit();
        }
    }
}
