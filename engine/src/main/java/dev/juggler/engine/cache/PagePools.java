package dev.juggler.engine.cache;

import java.util.ArrayList;
import java.util.List;

/**
 * The pages of a cache and who uses them: a pool for each group of layers. Not for use by two
 * threads at once.
 *
 * <p>Only pages of groups that see everything could be shared by sequences with the same beginning;
 * pages that are used in turn are overwritten.
 */
public final class PagePools {
    private final KvCachePlan plan;
    private final List<PagePool> pools;

    public PagePools(KvCachePlan plan) {
        this.plan = plan;
        pools = plan.groups().stream().map(group -> new PagePool(group.pages())).toList();
    }

    /** The cache whose pages these are. */
    public KvCachePlan plan() {
        return plan;
    }

    /** The pool of a group of layers. */
    public PagePool pool(int group) {
        return pools.get(group);
    }

    /** Whether the pages of a sequence of {@code positions} positions are free in all groups. */
    public boolean hasRoomFor(int positions) {
        for (int group = 0; group < pools.size(); group++) {
            if (needed(group, positions) > pools.get(group).free()) {
                return false;
            }
        }
        return true;
    }

    /** Whether they would be if nobody used any. */
    public boolean couldHold(int positions) {
        for (int group = 0; group < pools.size(); group++) {
            if (needed(group, positions) > pools.get(group).pages()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Takes the pages of a sequence.
     *
     * @param positions most positions that it will have
     * @throws IllegalStateException if there is no room; then none is taken
     */
    public PageTables take(int positions) {
        if (!hasRoomFor(positions)) {
            throw new IllegalStateException(
                    "%d positions were asked for, free are %s".formatted(positions, this));
        }
        List<int[]> owned = new ArrayList<>();
        for (int group = 0; group < pools.size(); group++) {
            owned.add(pools.get(group).take(needed(group, positions)));
        }
        return PageTables.of(owned, KvCachePlan.pagesFor(positions, plan.pageSize()));
    }

    /** Gives the pages of a sequence back. */
    public void release(PageTables tables) {
        for (int group = 0; group < tables.groups(); group++) {
            pools.get(group).release(tables.owned(group));
        }
    }

    private int needed(int group, int positions) {
        return plan.groups().get(group).pagesFor(positions, plan.pageSize());
    }

    @Override
    public String toString() {
        return pools.stream()
                .map(pool -> "%d of %d pages".formatted(pool.free(), pool.pages()))
                .toList()
                .toString();
    }
}
