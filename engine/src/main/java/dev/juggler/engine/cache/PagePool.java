package dev.juggler.engine.cache;

import java.util.Arrays;

/**
 * A fixed number of pages and who uses them: a list of free page numbers and a count of users for
 * each page, so that sequences can share a prefix. Not for use by two threads at once. The idea of
 * pages: Kwon et al. 2023, arXiv:2309.06180.
 */
public final class PagePool {
    private final int[] free;
    private final int[] users;
    private int freeCount;

    /**
     * @param pages pages in all, at least 1
     */
    public PagePool(int pages) {
        if (pages < 1) {
            throw new IllegalArgumentException("a pool of %d pages is no pool".formatted(pages));
        }
        free = new int[pages];
        users = new int[pages];
        for (int i = 0; i < pages; i++) {
            free[i] = pages - 1 - i; // the first taken is page 0
        }
        freeCount = pages;
    }

    /** Pages in all. */
    public int pages() {
        return free.length;
    }

    /** Pages that nobody uses. */
    public int free() {
        return freeCount;
    }

    /** How many use a page; 0: it is free. */
    public int users(int page) {
        return users[page];
    }

    /**
     * Takes {@code count} pages, each with one user.
     *
     * @throws IllegalStateException if fewer are free; then none is taken
     */
    public int[] take(int count) {
        if (count > freeCount) {
            throw new IllegalStateException(
                    "%d pages were asked for, %d of %d are free"
                            .formatted(count, freeCount, free.length));
        }
        int[] taken = new int[count];
        for (int i = 0; i < count; i++) {
            int page = free[--freeCount];
            users[page] = 1;
            taken[i] = page;
        }
        return taken;
    }

    /**
     * One more user for a page that is in use.
     *
     * @throws IllegalStateException if it is free
     */
    public void share(int page) {
        if (users[page] == 0) {
            throw new IllegalStateException("page %d is free, it cannot be shared".formatted(page));
        }
        users[page]++;
    }

    /**
     * One user less for each of these pages; those without users become free.
     *
     * @throws IllegalStateException if one is free already
     */
    public void release(int[] pages) {
        for (int i = pages.length - 1; i >= 0; i--) {
            int page = pages[i];
            if (users[page] == 0) {
                throw new IllegalStateException("page %d is free already".formatted(page));
            }
            if (--users[page] == 0) {
                free[freeCount++] = page;
            }
        }
    }

    @Override
    public String toString() {
        return "%d of %d pages free, users %s"
                .formatted(freeCount, free.length, Arrays.toString(users));
    }
}
