package dev.juggler.launcher.download;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The table of contents of a ZIP or JAR file on a server, read without reading the file (PKWARE's
 * APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16; with its 64-bit extension).
 */
public final class RemoteArchive {
    private static final int END_SIGNATURE = 0x06054b50;
    private static final int END_SIZE = 22;
    private static final int LONGEST_COMMENT = 65535;
    private static final int LOCATOR_SIGNATURE = 0x07064b50;
    private static final int LOCATOR_SIZE = 20;
    private static final int END64_SIGNATURE = 0x06064b50;
    private static final int END64_SIZE = 56;
    private static final int ENTRY_SIGNATURE = 0x02014b50;
    private static final int ENTRY_SIZE = 46;
    private static final int LOCAL_SIGNATURE = 0x04034b50;
    private static final int LOCAL_SIZE = 30;
    private static final int EXTRA64 = 1;
    private static final long UNSIGNED_INT = 0xFFFFFFFFL;
    private static final int UNSIGNED_SHORT = 0xFFFF;
    private static final long LARGEST_TABLE = 64L << 20;

    /**
     * A file in the archive.
     *
     * @param name with its folders
     * @param method 0 stored, 8 deflated
     * @param crc of its content
     * @param compressed bytes in the archive
     * @param size bytes of its content
     * @param header where its local header begins
     */
    public record Entry(
            String name, int method, long crc, long compressed, long size, long header) {
        /** Without its folders. */
        public String fileName() {
            return name.substring(name.lastIndexOf('/') + 1);
        }
    }

    private final RemoteFile file;
    private final long fileSize;

    public RemoteArchive(RemoteFile file) {
        this.file = file;
        fileSize = file.size();
    }

    /**
     * All its files.
     *
     * @throws DownloadException if it is no archive
     */
    public List<Entry> entries() {
        int tailSize = (int) Math.min(fileSize, END_SIZE + LOCATOR_SIZE + LONGEST_COMMENT);
        long tailAt = fileSize - tailSize;
        ByteBuffer tail = buffer(tailAt, tailSize);
        int end = tailSize - END_SIZE;
        while (end >= 0 && !isEnd(tail, end)) {
            end--;
        }
        if (end < 0) {
            throw broken("it has no table of contents");
        }
        long tableSize = tail.getInt(end + 12) & UNSIGNED_INT;
        long table = tail.getInt(end + 16) & UNSIGNED_INT;
        int locator = end - LOCATOR_SIZE;
        if (locator >= 0 && tail.getInt(locator) == LOCATOR_SIGNATURE) {
            ByteBuffer end64 = buffer(tail.getLong(locator + 8), END64_SIZE);
            if (end64.getInt(0) != END64_SIGNATURE) {
                throw broken("its 64-bit end is not where it says");
            }
            tableSize = end64.getLong(40);
            table = end64.getLong(48);
        }
        if (tableSize > LARGEST_TABLE || tableSize < 0) {
            throw broken("its table of contents has %d bytes".formatted(tableSize));
        }
        return entries(buffer(table, (int) tableSize));
    }

    private static boolean isEnd(ByteBuffer tail, int at) {
        return tail.getInt(at) == END_SIGNATURE
                && (tail.getShort(at + 20) & UNSIGNED_SHORT) == tail.capacity() - at - END_SIZE;
    }

    private List<Entry> entries(ByteBuffer table) {
        List<Entry> entries = new ArrayList<>();
        for (int at = 0; at + ENTRY_SIZE <= table.capacity(); ) {
            if (table.getInt(at) != ENTRY_SIGNATURE) {
                throw broken("entry %d of its table of contents is none".formatted(entries.size()));
            }
            int nameSize = table.getShort(at + 28) & UNSIGNED_SHORT;
            int extraSize = table.getShort(at + 30) & UNSIGNED_SHORT;
            int commentSize = table.getShort(at + 32) & UNSIGNED_SHORT;
            int next = at + ENTRY_SIZE + nameSize + extraSize + commentSize;
            if (next > table.capacity()) {
                throw broken("its table of contents is cut off");
            }
            byte[] name = new byte[nameSize];
            table.get(at + ENTRY_SIZE, name);
            entries.add(
                    entry(
                            new String(name, StandardCharsets.UTF_8),
                            table,
                            at,
                            at + ENTRY_SIZE + nameSize,
                            extraSize));
            at = next;
        }
        return entries;
    }

    /** Numbers that are too large for 32 bits are in the extra field, in this order. */
    private static Entry entry(String name, ByteBuffer table, int at, int extra, int extraSize) {
        long compressed = table.getInt(at + 20) & UNSIGNED_INT;
        long size = table.getInt(at + 24) & UNSIGNED_INT;
        long header = table.getInt(at + 42) & UNSIGNED_INT;
        for (int field = extra; field + 4 <= extra + extraSize; ) {
            int fieldSize = table.getShort(field + 2) & UNSIGNED_SHORT;
            if ((table.getShort(field) & UNSIGNED_SHORT) == EXTRA64) {
                int value = field + 4;
                int end = Math.min(value + fieldSize, extra + extraSize);
                if (size == UNSIGNED_INT && value + 8 <= end) {
                    size = table.getLong(value);
                    value += 8;
                }
                if (compressed == UNSIGNED_INT && value + 8 <= end) {
                    compressed = table.getLong(value);
                    value += 8;
                }
                if (header == UNSIGNED_INT && value + 8 <= end) {
                    header = table.getLong(value);
                }
            }
            field += 4 + fieldSize;
        }
        return new Entry(
                name,
                table.getShort(at + 10) & UNSIGNED_SHORT,
                table.getInt(at + 16) & UNSIGNED_INT,
                compressed,
                size,
                header);
    }

    /** Where the bytes of an entry begin in the archive. */
    public long dataAt(Entry entry) {
        ByteBuffer local = buffer(entry.header(), LOCAL_SIZE);
        if (local.getInt(0) != LOCAL_SIGNATURE) {
            throw broken(entry.name() + " is not where its table of contents says");
        }
        return entry.header()
                + LOCAL_SIZE
                + (local.getShort(26) & UNSIGNED_SHORT)
                + (local.getShort(28) & UNSIGNED_SHORT);
    }

    /** Bytes of the archive. */
    public byte[] read(long from, int count) {
        if (from < 0 || count < 0 || from > fileSize - count) {
            throw broken("%d bytes at %d are not in its %d".formatted(count, from, fileSize));
        }
        return count == 0 ? new byte[0] : file.read(from, count);
    }

    private ByteBuffer buffer(long from, int count) {
        return ByteBuffer.wrap(read(from, count)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private DownloadException broken(String how) {
        return new DownloadException("%s is no archive that can be read: %s".formatted(file, how));
    }
}
