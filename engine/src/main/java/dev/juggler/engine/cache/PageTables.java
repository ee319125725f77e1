package dev.juggler.engine.cache;

import java.util.ArrayList;
import java.util.List;

/** Where the positions of one sequence are stored: a page table for each group of layers. */
public final class PageTables {
    /** Of a sequence that has no pages. */
    public static final PageTables NONE = new PageTables(List.of(), List.of());

    private final List<int[]> owned;
    private final List<int[]> tables;

    private PageTables(List<int[]> owned, List<int[]> tables) {
        this.owned = owned;
        this.tables = tables;
    }

    /**
     * Tables for positions up to a number.
     *
     * @param owned for each group the pages of the sequence, which are used in turn
     * @param length pages of {@code pageSize} positions that the tables tell of
     */
    static PageTables of(List<int[]> owned, int length) {
        List<int[]> tables = new ArrayList<>();
        for (int[] pages : owned) {
            int[] table = new int[length];
            for (int i = 0; i < length; i++) {
                table[i] = pages[i % pages.length];
            }
            tables.add(table);
        }
        return new PageTables(List.copyOf(owned), List.copyOf(tables));
    }

    /** The page of each run of pageSize positions, in order; not to be changed. */
    public int[] table(int group) {
        return tables.get(group);
    }

    /** The pages of a group that belong to the sequence, each once. */
    int[] owned(int group) {
        return owned.get(group);
    }

    /** Groups of layers, 0 where there are no pages. */
    public int groups() {
        return owned.size();
    }
}
