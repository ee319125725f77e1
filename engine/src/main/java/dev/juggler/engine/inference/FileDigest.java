package dev.juggler.engine.inference;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * A digest that tells model files apart without reading hundreds of gigabytes. A single file of up
 * to 64 MiB is hashed wholly, so its digest is what {@code sha256sum} prints. Otherwise the hash is
 * over, for each file: its length (8 bytes, big endian), its first 16 MiB, which hold the header,
 * and 256 blocks of 4 KiB spread evenly over it.
 */
final class FileDigest {
    private static final long WHOLE = 64L << 20;
    private static final long HEAD = 16L << 20;
    private static final int BLOCKS = 256;
    private static final int BLOCK = 4096;

    private FileDigest() {}

    /** Lower-case hexadecimal SHA-256 of what identifies these files. */
    static String of(List<Path> files) throws IOException {
        MessageDigest digest = sha256();
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                long length = channel.size();
                if (files.size() == 1 && length <= WHOLE) {
                    update(digest, channel, 0, length);
                } else {
                    digest.update(ByteBuffer.allocate(Long.BYTES).putLong(length).flip());
                    update(digest, channel, 0, Math.min(HEAD, length));
                    for (int block = 0; block < BLOCKS; block++) {
                        long start = (long) ((double) length * block / BLOCKS);
                        update(digest, channel, start, Math.min(start + BLOCK, length));
                    }
                }
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void update(MessageDigest digest, FileChannel channel, long from, long to)
            throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        long position = from;
        while (position < to) {
            buffer.clear().limit((int) Math.min(buffer.capacity(), to - position));
            int read = channel.read(buffer, position);
            if (read < 0) {
                throw new IOException("the file became shorter while it was read");
            }
            position += read;
            digest.update(buffer.flip());
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
