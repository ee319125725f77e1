package dev.juggler.engine.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PagePoolTest {
    @Test
    void takesAllOrNothing() {
        PagePool pool = new PagePool(4);
        pool.take(3);
        assertThrows(IllegalStateException.class, () -> pool.take(2));
        assertEquals(1, pool.free());
    }

    @Test
    void refusesToFreeTwice() {
        PagePool pool = new PagePool(2);
        int[] pages = pool.take(1);
        pool.release(pages);
        assertThrows(IllegalStateException.class, () -> pool.release(pages));
        assertThrows(IllegalStateException.class, () -> pool.share(pages[0]));
    }

    /** Random takes, shares and releases beside a plain count of the users of each page. */
    @Test
    void neverGivesAPageTwiceAndLosesNone() {
        Random random = new Random(1);
        PagePool pool = new PagePool(37);
        Map<Integer, Integer> users = new HashMap<>();
        List<int[]> held = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            int what = random.nextInt(3);
            int count = random.nextInt(6);
            if (what == 0 && count <= pool.free()) {
                int[] pages = pool.take(count);
                for (int page : pages) {
                    assertTrue(users.putIfAbsent(page, 1) == null, "page given twice");
                }
                held.add(pages);
            } else if (what == 1 && !held.isEmpty()) {
                int[] pages = held.get(random.nextInt(held.size())).clone();
                for (int page : pages) {
                    pool.share(page);
                    users.merge(page, 1, Integer::sum);
                }
                held.add(pages);
            } else if (what == 2 && !held.isEmpty()) {
                int[] pages = held.remove(random.nextInt(held.size()));
                pool.release(pages);
                for (int page : pages) {
                    users.computeIfPresent(page, (key, n) -> n == 1 ? null : n - 1);
                }
            }
            assertEquals(37 - users.size(), pool.free());
        }
        held.forEach(pool::release);
        assertEquals(37, pool.free());
    }
}
