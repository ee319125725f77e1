package dev.juggler.launcher.download;

import dev.juggler.launcher.download.RemoteArchive.Entry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;

/**
 * Brings some files of a remote archive to a folder. What has come is kept when the connection
 * breaks, so that the next attempt goes on there; a file appears under its name only once its size
 * and checksum are right.
 */
public final class ArchiveDownload {
    private static final int PART = 8 << 20;
    private static final String UNFINISHED = ".part";
    private static final String FRESH = ".new";
    private static final int STORED = 0;
    private static final int DEFLATED = 8;

    private final RemoteArchive archive;
    private final Path folder;

    public ArchiveDownload(RemoteArchive archive, Path folder) {
        this.archive = archive;
        this.folder = folder;
    }

    /** The entries among these that are not in the folder as they should be. */
    public List<Entry> missing(List<Entry> entries) {
        List<Entry> missing = new ArrayList<>();
        for (Entry entry : entries) {
            if (!isThere(entry)) {
                missing.add(entry);
            }
        }
        return missing;
    }

    private boolean isThere(Entry entry) {
        Path file = folder.resolve(entry.fileName());
        try {
            return Files.isRegularFile(file)
                    && Files.size(file) == entry.size()
                    && checksum(file) == entry.crc();
        } catch (IOException e) {
            return false;
        }
    }

    private static long checksum(Path file) throws IOException {
        CRC32 crc = new CRC32();
        try (CheckedInputStream in = new CheckedInputStream(Files.newInputStream(file), crc)) {
            in.transferTo(OutputStream.nullOutputStream());
        }
        return crc.getValue();
    }

    /** Bytes of these that have still to come. */
    public long bytesToCome(List<Entry> entries) {
        return entries.stream().mapToLong(entry -> entry.compressed() - have(entry)).sum();
    }

    private long have(Entry entry) {
        try {
            Path part = part(entry);
            return Files.isRegularFile(part) ? Math.min(Files.size(part), entry.compressed()) : 0;
        } catch (IOException e) {
            return 0;
        }
    }

    private Path part(Entry entry) {
        return folder.resolve(entry.fileName() + UNFINISHED);
    }

    /**
     * Brings the entries.
     *
     * @param progress is told how many bytes have come, as they come
     * @throws DownloadException if they do not come, are damaged or do not fit the disk
     */
    public void bring(List<Entry> entries, LongConsumer progress) {
        try {
            Files.createDirectories(folder);
            requireRoom(entries);
            for (Entry entry : entries) {
                fetch(entry, progress);
                unpack(entry);
            }
        } catch (IOException e) {
            throw new DownloadException("%s: %s".formatted(folder, e), e);
        }
    }

    /** A file is there packed and unpacked for a moment. */
    private void requireRoom(List<Entry> entries) throws IOException {
        long needed = bytesToCome(entries);
        for (Entry entry : entries) {
            needed += entry.size();
        }
        long free = Files.getFileStore(folder).getUsableSpace();
        if (needed > free) {
            throw new DownloadException(
                    "%s has %d MB free, %d MB are needed; make room or name another folder"
                            .formatted(folder, free / 1_000_000, needed / 1_000_000));
        }
    }

    private void fetch(Entry entry, LongConsumer progress) throws IOException {
        long at = archive.dataAt(entry);
        long done = have(entry);
        try (OutputStream out =
                Files.newOutputStream(
                        part(entry), StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            while (done < entry.compressed()) {
                int count = (int) Math.min(PART, entry.compressed() - done);
                out.write(archive.read(at + done, count));
                done += count;
                progress.accept(count);
            }
        }
    }

    private void unpack(Entry entry) throws IOException {
        Path part = part(entry);
        Path fresh = folder.resolve(entry.fileName() + FRESH);
        try {
            requireWhole(entry, copy(entry, part, fresh));
            Files.move(
                    fresh,
                    folder.resolve(entry.fileName()),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
            Files.deleteIfExists(fresh);
        }
    }

    /** Unpacks; returns the checksum, or -1 where the size is wrong or it cannot be unpacked. */
    private static long copy(Entry entry, Path part, Path fresh) throws IOException {
        CRC32 crc = new CRC32();
        Inflater inflater = new Inflater(true);
        try (InputStream packed = Files.newInputStream(part);
                InputStream plain = plain(entry, packed, inflater);
                CheckedInputStream in = new CheckedInputStream(plain, crc);
                OutputStream out = Files.newOutputStream(fresh)) {
            long size = 0;
            byte[] buffer = new byte[1 << 16];
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                size += count;
                if (size > entry.size()) {
                    return -1;
                }
                out.write(buffer, 0, count);
            }
            return size == entry.size() ? crc.getValue() : -1;
        } catch (IOException e) {
            if (e.getCause() instanceof DataFormatException
                    || e instanceof java.util.zip.ZipException
                    || e instanceof java.io.EOFException) {
                return -1;
            }
            throw e;
        } finally {
            inflater.end();
        }
    }

    private static InputStream plain(Entry entry, InputStream packed, Inflater inflater) {
        return switch (entry.method()) {
            case STORED -> packed;
            case DEFLATED -> new InflaterInputStream(packed, inflater, 1 << 16);
            default ->
                    throw new DownloadException(
                            "%s is packed by method %d, which is not known here"
                                    .formatted(entry.name(), entry.method()));
        };
    }

    private static void requireWhole(Entry entry, long checksum) {
        if (checksum != entry.crc()) {
            throw new DownloadException(
                    "%s came damaged (size or checksum are wrong) and was thrown away; try again"
                            .formatted(entry.name()));
        }
    }
}
