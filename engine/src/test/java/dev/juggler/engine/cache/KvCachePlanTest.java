package dev.juggler.engine.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.DType;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KvCachePlanTest {
    private static final KvLayerShape ALL = new KvLayerShape(64, 64, 0);
    private static final KvLayerShape WINDOW = new KvLayerShape(64, 64, 128);

    @Test
    void aWindowKeepsWhatAStepSees() {
        KvCachePlan plan =
                KvCachePlan.of(List.of(WINDOW, ALL, WINDOW, ALL), DType.F16, 131_072, 4, 512);
        assertEquals(List.of(128, 0), plan.groups().stream().map(PageGroup::window).toList());
        assertEquals(0, plan.group(0));
        assertEquals(1, plan.group(3));
        // 128 + 512 - 1 positions lie on at most 11 pages of 64.
        assertEquals(4 * 11, plan.pages(2));
        assertEquals(4 * 2048, plan.pages(1));
        assertEquals(4L * 11 * 64 * 2 * 128, plan.bytes(0));
        assertEquals(4L * 131_072 * 2 * 128, plan.bytes(3));
        assertEquals(plan.bytes(), 2 * (plan.bytes(0) + plan.bytes(1)));
    }

    @Test
    void aWindowIsNeverLargerThanTheContext() {
        KvCachePlan plan = KvCachePlan.of(List.of(WINDOW), DType.F32, 100, 3, 100);
        assertEquals(3 * 2, plan.pages(0));
    }

    @Test
    void aLatentVectorIsStoredOnce() {
        KvCachePlan plan =
                KvCachePlan.of(List.of(new KvLayerShape(576, 0, 0)), DType.F16, 64, 1, 64);
        assertEquals(64 * 576 * 2, plan.bytes());
    }

    /** However pages begin, what a step stores and sees is on different pages. */
    @Test
    void theRingIsAsSmallAsItCanBe() {
        int cases = 0;
        for (int pageSize = 1; pageSize <= 9; pageSize++) {
            for (int window = 1; window <= 20; window++) {
                for (int rows = 1; rows <= 20; rows++) {
                    int most = 0;
                    for (int first = window - 1; first < window + pageSize; first++) {
                        int from = (first - window + 1) / pageSize;
                        int to = (first + rows - 1) / pageSize;
                        most = Math.max(most, to - from + 1);
                    }
                    assertEquals(most, PageGroup.ring(window, rows, pageSize));
                    cases++;
                }
            }
        }
        System.out.printf("windows: %d rings are as small as they can be%n", cases);
        assertTrue(PageGroup.ring(Integer.MAX_VALUE, Integer.MAX_VALUE, 1) > 0);
    }

    @Test
    void pagesOfAWindowAreUsedInTurn() {
        KvCachePlan plan =
                new KvCachePlan(
                        List.of(ALL, WINDOW),
                        DType.F32,
                        List.of(new PageGroup(0, 8, 8), new PageGroup(128, 6, 3)),
                        16);
        PagePools pools = new PagePools(plan);
        PageTables one = pools.take(100); // 7 pages of 16
        assertEquals(7, one.table(0).length);
        assertEquals(7, one.table(1).length);
        assertEquals(one.table(1)[0], one.table(1)[3]);
        assertEquals(one.table(1)[2], one.table(1)[5]);
        Set<Integer> used = new HashSet<>();
        for (int page : one.table(1)) {
            used.add(page);
        }
        assertEquals(3, used.size());
        assertEquals(1, pools.pool(0).free());
        assertEquals(3, pools.pool(1).free());
        assertTrue(pools.hasRoomFor(16));
        assertTrue(!pools.hasRoomFor(17));
        assertTrue(pools.couldHold(128));
        assertTrue(!pools.couldHold(129));
        assertThrows(IllegalStateException.class, () -> pools.take(17));
        pools.release(one);
        assertEquals(8, pools.pool(0).free());
        assertEquals(6, pools.pool(1).free());
    }

    @Test
    void moreThanCanBeCountedIsRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> KvCachePlan.of(List.of(ALL), DType.F16, Integer.MAX_VALUE, 4096, 512));
    }
}
