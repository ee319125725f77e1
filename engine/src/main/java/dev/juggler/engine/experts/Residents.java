package dev.juggler.engine.experts;

import dev.juggler.kernel.ExpertCachePolicy;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which experts of one layer have a place in fast memory. Who moves in is told by the policy; the
 * one whose place it takes is gone at once, and it is there itself only once {@link #arrived} says
 * so. Not for use by two threads at once.
 */
public final class Residents {
    /** The place of an expert that has none. */
    public static final int NOWHERE = -1;

    private static final int NOBODY = -1;

    /**
     * An expert on its way.
     *
     * @param expert who comes
     * @param gone whose place it takes
     * @param place the place
     */
    public record Move(int expert, int gone, int place) {}

    private final ExpertCachePolicy policy;
    private final int[] places;
    private final int[] tenants;
    private final boolean[] candidate;
    private final boolean[] usedInStep;
    private final int[] order;
    private int usedCount;
    private @Nullable Move coming;

    /**
     * @param experts how many the layer has
     * @param candidates who may have a place
     * @param first who has the places at the beginning: place 0 the first
     */
    public Residents(
            int experts, List<Integer> candidates, List<Integer> first, ExpertCachePolicy policy) {
        this.policy = policy;
        places = new int[experts];
        tenants = new int[first.size()];
        candidate = new boolean[experts];
        usedInStep = new boolean[experts];
        order = new int[experts];
        Arrays.fill(places, NOWHERE);
        candidates.forEach(expert -> candidate[expert] = true);
        for (int place = 0; place < tenants.length; place++) {
            tenants[place] = first.get(place);
            places[tenants[place]] = place;
        }
    }

    /**
     * The place of each expert, {@link #NOWHERE} for those that have none. It is the table itself,
     * which changes with each move.
     */
    public int[] places() {
        return places;
    }

    /** Notes that a row was sent to an expert, for the end of the step. */
    public void used(int expert) {
        policy.used(expert);
        if (!usedInStep[expert]) {
            usedInStep[expert] = true;
            order[usedCount++] = expert;
        }
    }

    /**
     * Ends a step.
     *
     * @param mayMove whether there is time for a move
     * @return who moves in, which the caller makes happen, or null
     */
    public @Nullable Move endStep(boolean mayMove) {
        policy.stepEnded();
        Move move = mayMove && coming == null ? nextMove() : null;
        for (int i = 0; i < usedCount; i++) {
            usedInStep[order[i]] = false;
        }
        usedCount = 0;
        if (move != null) {
            coming = move;
            places[move.gone] = NOWHERE;
            tenants[move.place] = NOBODY;
        }
        return move;
    }

    /** The first of those used, as the router's first choices weigh most. */
    private @Nullable Move nextMove() {
        int[] resident = Arrays.stream(tenants).sorted().toArray();
        for (int i = 0; i < usedCount; i++) {
            int wanted = order[i];
            if (candidate[wanted] && places[wanted] == NOWHERE) {
                int gone = policy.victim(wanted, resident);
                if (gone != ExpertCachePolicy.NONE) {
                    return new Move(wanted, gone, placeOf(gone, resident));
                }
            }
        }
        return null;
    }

    private int placeOf(int gone, int[] resident) {
        if (Arrays.binarySearch(resident, gone) < 0) {
            throw new IllegalStateException(
                    "the expert cache policy %s gave up expert %d, which is not resident"
                            .formatted(policy.getClass().getName(), gone));
        }
        return places[gone];
    }

    /** Whether somebody is on the way. */
    public boolean isMoving() {
        return coming != null;
    }

    /** Who was on the way is there. */
    public void arrived() {
        Move move = coming;
        if (move == null) {
            throw new IllegalStateException("nobody is on the way");
        }
        places[move.expert] = move.place;
        tenants[move.place] = move.expert;
        coming = null;
    }
}
