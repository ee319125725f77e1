package dev.juggler.engine.experts;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.experts.Residents.Move;
import dev.juggler.kernel.ExpertCachePolicy;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Who stays and who goes, worked out by hand and by lot. */
class ExpertCachePolicyTest {
    private static final ExpertCachePolicies BUILT_IN = ExpertCachePolicies.builtIn();

    private static Residents residents(String policy, int experts, int places) {
        List<Integer> all = IntStream.range(0, experts).boxed().toList();
        return new Residents(
                experts, all, all.subList(0, places), BUILT_IN.open(policy, experts, places));
    }

    private static void step(Residents residents, int... ids) {
        IntStream.of(ids).forEach(residents::used);
        if (residents.endStep(true) != null) {
            residents.arrived();
        }
    }

    private static Set<Integer> here(Residents residents) {
        Set<Integer> here = new HashSet<>();
        for (int e = 0; e < residents.places().length; e++) {
            if (residents.places()[e] != Residents.NOWHERE) {
                here.add(e);
            }
        }
        return here;
    }

    @Test
    void lruThrowsOutWhoWasNotUsedForLongest() {
        Residents lru = residents("lru", 6, 3);
        step(lru, 0, 1);
        step(lru, 2, 1);
        step(lru, 4); // 0 was used in the first step only
        assertEquals(Set.of(1, 2, 4), here(lru));
        step(lru, 5); // 1 and 2 were used in the same step: the lower id goes
        assertEquals(Set.of(2, 4, 5), here(lru));
        step(lru, 2, 4, 5, 0); // all were used in this very step
        assertEquals(Set.of(2, 4, 5), here(lru));
    }

    @Test
    void lfuKeepsWhoIsUsedOftenAndFollowsAChange() {
        Residents lfu = residents("lfu", 4, 2);
        for (int i = 0; i < 50; i++) {
            step(lfu, 0, 1);
        }
        step(lfu, 3);
        assertEquals(Set.of(0, 1), here(lfu), "one use displaces nobody");
        for (int i = 0; i < 400; i++) {
            step(lfu, 2, 3);
        }
        assertEquals(Set.of(2, 3), here(lfu));
        for (int i = 0; i < 200_000; i++) { // counts stay finite
            step(lfu, i % 3);
        }
        assertEquals(2, here(lfu).size());
        assertFalse(here(lfu).contains(3));
    }

    @Test
    void aPlaceIsNobodysWhileItsTenantIsOnTheWay() {
        Residents lru = residents("lru", 4, 2);
        lru.used(3);
        Move move = lru.endStep(true);
        assertEquals(new Move(3, 0, 0), move);
        assertArrayEquals(new int[] {-1, 1, -1, -1}, lru.places());
        lru.used(2);
        assertNull(lru.endStep(true), "one at a time");
        lru.arrived();
        assertArrayEquals(new int[] {-1, 1, -1, 0}, lru.places());
        assertThrows(IllegalStateException.class, lru::arrived);
    }

    @Test
    void onlyCandidatesMove() {
        Residents lru = new Residents(4, List.of(1, 2), List.of(1), BUILT_IN.open("lru", 4, 1));
        step(lru, 0, 3);
        assertEquals(Set.of(1), here(lru));
        step(lru, 0, 2);
        assertEquals(Set.of(2), here(lru));
    }

    @Test
    void aPolicyThatGivesUpAStrangerIsNamed() {
        ExpertCachePolicy stranger =
                new ExpertCachePolicy() {
                    @Override
                    public void used(int expert) {}

                    @Override
                    public int victim(int wanted, int[] resident) {
                        return wanted;
                    }
                };
        Residents residents = new Residents(3, List.of(0, 1, 2), List.of(0), stranger);
        residents.used(2);
        IllegalStateException told =
                assertThrows(IllegalStateException.class, () -> residents.endStep(true));
        assertTrue(String.valueOf(told.getMessage()).contains("expert 2"), told.getMessage());
        assertThrows(IllegalArgumentException.class, () -> BUILT_IN.open("fifo", 3, 1));
    }

    @Test
    void placesAndTenantsAgreeWhateverHappens() {
        SplittableRandom random = new SplittableRandom(3);
        ExpertCachePolicies all = BUILT_IN.and(List.of(new RandomEvictions(random.split())));
        int moves = 0;
        for (int round = 0; round < 300; round++) {
            int experts = 1 + random.nextInt(20);
            int places = 1 + random.nextInt(experts);
            String policy = all.names().get(random.nextInt(all.names().size()));
            List<Integer> ids = IntStream.range(0, experts).boxed().toList();
            Residents residents =
                    new Residents(
                            experts,
                            ids,
                            ids.subList(0, places),
                            all.open(policy, experts, places));
            for (int i = 0; i < 50; i++) {
                for (int u = random.nextInt(6); u > 0; u--) {
                    residents.used(random.nextInt(experts));
                }
                if (residents.isMoving() && random.nextBoolean()) {
                    residents.arrived();
                }
                moves += residents.endStep(random.nextBoolean()) == null ? 0 : 1;
                int[] taken =
                        Arrays.stream(residents.places()).filter(p -> p >= 0).sorted().toArray();
                assertEquals(places - (residents.isMoving() ? 1 : 0), taken.length);
                assertEquals(taken.length, Arrays.stream(taken).distinct().count());
            }
        }
        assertTrue(moves > 1000, moves + " moves");
    }

    @Test
    void movesGoRoundTheLayers() {
        MoveTurns turns = new MoveTurns(2);
        Map<Integer, Integer> moved = new TreeMap<>();
        for (int step = 0; step < 30; step++) {
            int inStep = 0;
            for (int layer = 3; layer < 8; layer++) {
                if (turns.mayMove(layer)) {
                    turns.moved();
                    moved.merge(layer, 1, Integer::sum);
                    inStep++;
                }
            }
            assertTrue(inStep <= 2);
        }
        assertEquals(Set.of(3, 4, 5, 6, 7), moved.keySet());
        assertTrue(moved.values().stream().allMatch(count -> count >= 8), moved.toString());
    }

    @Test
    void memoryIsSharedEvenly() {
        Map<Integer, EvenPlaces.Want> wants =
                Map.of(
                        1, new EvenPlaces.Want(8, 100),
                        2, new EvenPlaces.Want(8, 150),
                        3, new EvenPlaces.Want(1, 100));
        // a round of 350, then 250 for two layers; 90 are left
        assertEquals(Map.of(1, 2, 2, 2, 3, 1), EvenPlaces.of(wants, 690));
        assertEquals(Map.of(1, 3, 2, 2, 3, 1), EvenPlaces.of(wants, 700));
        assertEquals(Map.of(), EvenPlaces.of(wants, 99));
    }
}
