package dev.juggler.backend.cuda;

import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.KvPages;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Tells the device which rows of a batch belong together and on which pages their past is. A table
 * is sent once a step and not for each layer, and keeps its place from step to step, so that the
 * launches that use it stay the same.
 */
final class BatchTables {
    private static final int MOST = 16;
    private static final int TILE_INTS = 4;

    private final Card card;
    private final List<Table> tables = new ArrayList<>();
    private int[] draft = new int[1024];
    private long clock;

    /** What one call needs to know of a batch, on the device. */
    static final class Table {
        private @Nullable BatchLayout layout;
        private long version;
        private int tileRows;
        private int pageSize;
        private int[] content = new int[0];
        private int length;
        private long address;
        private long capacity;
        private long lastUse;
        private int entries;
        private int longest;

        /** Address of the tiles, or of the starts of sequences. */
        long first() {
            return address;
        }

        /** Address of the page numbers. */
        long pages() {
            return address + (long) pagesAt() * Integer.BYTES;
        }

        private int pagesAt() {
            return tileRows == 0 ? 2 * entries : TILE_INTS * entries;
        }

        /** Tiles, or sequences and one. */
        int entries() {
            return entries;
        }

        /** Positions of the longest sequence. */
        int longest() {
            return longest;
        }
    }

    BatchTables(Card card) {
        this.card = card;
    }

    /** Tiles of up to {@code tileRows} rows of one sequence. */
    Table tiles(BatchLayout layout, KvPages kv, int tileRows) {
        return find(layout, kv, tileRows);
    }

    /** For each sequence where its rows of the result and its pages begin. */
    Table starts(BatchLayout layout, KvPages kv) {
        return find(layout, kv, 0);
    }

    private Table find(BatchLayout layout, KvPages kv, int tileRows) {
        Table owner = null;
        for (Table table : tables) {
            if (table.layout == layout
                    && table.tileRows == tileRows
                    && table.pageSize == kv.pageSize()) {
                owner = table;
            }
        }
        if (owner != null && owner.version == layout.version()) {
            owner.lastUse = ++clock;
            return owner;
        }
        int entries = tileRows == 0 ? layout.sequences() + 1 : countTiles(layout, tileRows);
        int length = draft(layout, kv, tileRows, entries);
        if (owner == null) {
            owner = alike(length, tileRows, entries, kv.pageSize());
        }
        boolean same =
                owner.length == length
                        && owner.entries == entries
                        && Arrays.equals(owner.content, 0, length, draft, 0, length);
        owner.layout = layout;
        owner.version = layout.version();
        owner.tileRows = tileRows;
        owner.pageSize = kv.pageSize();
        owner.entries = entries;
        owner.lastUse = ++clock;
        owner.longest = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            owner.longest = Math.max(owner.longest, layout.length(s));
        }
        if (!same) {
            send(owner, length);
        }
        return owner;
    }

    /** A table with this content, else the latest of this size, else the one unused for longest. */
    private Table alike(int length, int tileRows, int entries, int pageSize) {
        Table latest = null;
        Table oldest = null;
        for (Table table : tables) {
            boolean sized =
                    table.length == length
                            && table.tileRows == tileRows
                            && table.entries == entries
                            && table.pageSize == pageSize;
            if (sized && Arrays.equals(table.content, 0, length, draft, 0, length)) {
                return table;
            }
            if (sized && (latest == null || table.lastUse > latest.lastUse)) {
                latest = table;
            }
            if (oldest == null || table.lastUse < oldest.lastUse) {
                oldest = table;
            }
        }
        if (latest != null) {
            return latest;
        }
        if (oldest != null && tables.size() == MOST) {
            return oldest;
        }
        Table table = new Table();
        tables.add(table);
        return table;
    }

    private static int countTiles(BatchLayout layout, int tileRows) {
        int count = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            count += (layout.rowCount(s) + tileRows - 1) / tileRows;
        }
        return count;
    }

    /** Writes the table's content to the draft; returns how many ints it has. */
    private int draft(BatchLayout layout, KvPages kv, int tileRows, int entries) {
        int at = (tileRows == 0 ? 2 : TILE_INTS) * entries;
        require(at);
        int next = 0;
        int firstPage = at;
        int positions = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            if (tileRows == 0) {
                draft[next++] = positions;
                draft[next++] = at - firstPage;
            }
            for (int row = 0; tileRows > 0 && row < layout.rowCount(s); row += tileRows) {
                draft[next++] = layout.firstRow(s) + row;
                draft[next++] = Math.min(tileRows, layout.rowCount(s) - row);
                draft[next++] = layout.length(s) - layout.rowCount(s) + row;
                draft[next++] = at - firstPage;
            }
            positions += layout.length(s);
            at = draftPages(layout, s, kv, at);
        }
        if (tileRows == 0) {
            draft[next++] = positions;
            draft[next] = at - firstPage;
        }
        return at;
    }

    private int draftPages(BatchLayout layout, int sequence, KvPages kv, int from) {
        int count = (layout.length(sequence) + kv.pageSize() - 1) / kv.pageSize();
        require(from + count);
        for (int i = 0; i < count; i++) {
            int page = layout.page(sequence, i);
            if (page >= kv.pages()) {
                throw new IllegalArgumentException(
                        "page %d of sequence %d is %d, there are %d"
                                .formatted(i, sequence, page, kv.pages()));
            }
            draft[from + i] = page;
        }
        return from + count;
    }

    private void require(int length) {
        if (length > draft.length) {
            draft = Arrays.copyOf(draft, Math.max(length, 2 * draft.length));
        }
    }

    private void send(Table table, int length) {
        long bytes = (long) length * Integer.BYTES;
        if (bytes > table.capacity) {
            long grown = Math.max(bytes, 2 * table.capacity);
            if (table.capacity > 0) {
                card.finish();
                card.pool.freeScratch(table.address, table.capacity);
                table.capacity = 0;
            }
            table.address = card.pool.allocateScratch(grown);
            table.capacity = grown;
            table.content = new int[(int) (grown / Integer.BYTES)];
        }
        System.arraycopy(draft, 0, table.content, 0, length);
        table.length = length;
        card.queue.flush();
        card.staging.write(table.address, MemorySegment.ofArray(table.content).asSlice(0, bytes));
    }
}
