package dev.juggler.launcher.download;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.launcher.download.RemoteArchive.Entry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The libraries out of an archive like Maven Central's, from a server on this machine. */
@Timeout(60)
class CudaRedistributableTest {
    private static final String INSIDE = "org/bytedeco/cuda/linux-x86_64/";
    private static final Duration AT_ONCE = Duration.ofMillis(1);

    @TempDir private Path folder = Path.of("target");

    /** Some libraries are longer than what one request brings. */
    private static Map<String, byte[]> files() {
        Map<String, byte[]> files = new LinkedHashMap<>();
        Random random = new Random(3);
        files.put(
                "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n".getBytes(StandardCharsets.UTF_8));
        files.put(INSIDE + "libcudnn.so.9", noise(random, 3_000_000));
        files.put(INSIDE + "libcublasLt.so.12", noise(random, 20_000_000));
        files.put(INSIDE + "libcublas.so.12", new byte[9_000_000]);
        files.put(INSIDE + "libnvrtc.so.12", noise(random, 100_001));
        files.put(INSIDE + "libnvrtc-builtins.so.12.6", noise(random, 1));
        files.put(INSIDE + "libnvrtc.so", noise(random, 10));
        return files;
    }

    private static byte[] noise(Random random, int size) {
        byte[] noise = new byte[size];
        random.nextBytes(noise);
        return noise;
    }

    private static byte[] archive(Map<String, byte[]> files) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setComment("an archive may have a comment");
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                ZipEntry entry = new ZipEntry(file.getKey());
                entry.setExtra(new byte[] {0x55, 0x44, 2, 0, 1, 2});
                if (file.getKey().endsWith("builtins.so.12.6")) {
                    CRC32 crc = new CRC32();
                    crc.update(file.getValue());
                    entry.setMethod(ZipEntry.STORED);
                    entry.setSize(file.getValue().length);
                    entry.setCrc(crc.getValue());
                }
                zip.putNextEntry(entry);
                zip.write(file.getValue());
                zip.closeEntry();
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return bytes.toByteArray();
    }

    /** Returns how many bytes were said to have come. */
    private long bring(PartServer server) {
        long[] come = new long[1];
        try (RemoteFile file = new RemoteFile(server.address(), AT_ONCE)) {
            RemoteArchive archive = new RemoteArchive(file);
            List<Entry> libraries = CudaRedistributable.libraries(archive, server.address());
            ArchiveDownload download = new ArchiveDownload(archive, folder);
            List<Entry> missing = download.missing(libraries);
            download.bring(missing, count -> come[0] += count);
        }
        return come[0];
    }

    private void assertInstalled(Map<String, byte[]> files) throws IOException {
        for (String library : CudaRedistributable.LIBRARIES) {
            assertArrayEquals(
                    files.get(INSIDE + library), Files.readAllBytes(folder.resolve(library)));
        }
        assertEquals(CudaRedistributable.LIBRARIES.size(), names().size(), "and nothing else");
    }

    private List<String> names() throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            return list.map(file -> String.valueOf(file.getFileName())).sorted().toList();
        }
    }

    @Test
    void takesTheLibrariesAndNothingElse() throws IOException {
        Map<String, byte[]> files = files();
        byte[] archive = archive(files);
        try (PartServer server = new PartServer(archive)) {
            long come = bring(server);
            assertInstalled(files);
            assertTrue(come > 20_000_000 && come < archive.length - 3_000_000, come + " bytes");
            long given = server.takeGiven();
            assertTrue(given < come + 200_000, given + " bytes for " + come);
            assertEquals(0, bring(server), "what is there is not fetched again");
        }
    }

    @Test
    void aDamagedLibraryIsFetchedAgain() throws IOException {
        Map<String, byte[]> files = files();
        try (PartServer server = new PartServer(archive(files))) {
            bring(server);
            Path library = folder.resolve("libnvrtc.so.12");
            byte[] content = Files.readAllBytes(library);
            content[777]++;
            Files.write(library, content);
            assertTrue(bring(server) > 100_000);
            assertInstalled(files);
        }
    }

    @Test
    void goesOnWhereTheConnectionBroke() throws IOException {
        Map<String, byte[]> files = files();
        try (PartServer server = new PartServer(archive(files))) {
            server.breakAfter(6); // size, end, table, header, two of three parts of the first
            DownloadException broken = assertThrows(DownloadException.class, () -> bring(server));
            assertTrue(
                    String.valueOf(broken.getMessage()).contains("what has come is kept"),
                    broken.getMessage());
            assertEquals(List.of("libcublasLt.so.12.part"), names());
            server.breakAfter(Integer.MAX_VALUE);
            server.takeGiven();
            bring(server);
            assertInstalled(files);
            assertTrue(server.takeGiven() < 5_000_000, "two thirds were there");
        }
    }

    @Test
    void shortInterruptionsAreNotEvenTold() throws IOException {
        Map<String, byte[]> files = files();
        try (PartServer server = new PartServer(archive(files))) {
            server.cut(3);
            bring(server);
            assertInstalled(files);
        }
    }

    @Test
    void whatComesDamagedIsThrownAway() throws IOException {
        Map<String, byte[]> files = files();
        byte[] archive = archive(files);
        byte[] name = "linux-x86_64/libcublasLt.so.12".getBytes(StandardCharsets.UTF_8);
        int at = indexOf(archive, name) + 1_000_000;
        archive[at] ^= 0x55;
        try (PartServer server = new PartServer(archive)) {
            DownloadException damaged = assertThrows(DownloadException.class, () -> bring(server));
            assertTrue(
                    String.valueOf(damaged.getMessage()).contains("libcublasLt.so.12 came damaged"),
                    damaged.getMessage());
            assertEquals(List.of(), names());
        }
    }

    private static int indexOf(byte[] bytes, byte[] part) {
        for (int at = 0; at < bytes.length - part.length; at++) {
            if (java.util.Arrays.equals(bytes, at, at + part.length, part, 0, part.length)) {
                return at;
            }
        }
        throw new AssertionError("not there");
    }

    @Test
    void serversThatCannotHelpAreTold() throws IOException {
        Map<String, byte[]> files = files();
        files.remove(INSIDE + "libnvrtc.so.12");
        try (PartServer server = new PartServer(archive(files))) {
            assertTold("has no libnvrtc.so.12", server);
            server.giveWholeFilesOnly();
            assertTold("whole files only", server);
            try (RemoteFile file =
                    new RemoteFile(
                            CudaRedistributable.in(server.repository() + "/elsewhere"), AT_ONCE)) {
                DownloadException absent =
                        assertThrows(DownloadException.class, () -> new RemoteArchive(file));
                assertTrue(
                        String.valueOf(absent.getMessage()).contains("is not there (404)"),
                        absent.getMessage());
            }
        }
        for (byte[] content : new byte[][] {new byte[100], new byte[200_000]}) {
            try (PartServer server = new PartServer(content)) {
                assertTold("has no table of contents", server);
            }
        }
        assertFalse(Files.exists(folder.resolve("libcublas.so.12")));
    }

    private void assertTold(String text, PartServer server) {
        DownloadException told = assertThrows(DownloadException.class, () -> bring(server));
        assertTrue(String.valueOf(told.getMessage()).contains(text), told.getMessage());
    }

    /** Numbers beyond 32 bits: made by hand, since nobody stores 4 GB for a test. */
    @Test
    void archivesWithNumbersOf64BitsAreRead() {
        byte[] name = "a/b.so".getBytes(StandardCharsets.UTF_8);
        int entry = 46 + name.length + 4 + 24;
        ByteBuffer bytes = ByteBuffer.allocate(entry + 56 + 20 + 22).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(0x02014b50).putShort((short) 45).putShort((short) 45).putShort((short) 0);
        bytes.putShort((short) 8).putInt(0).putInt(0x12345678).putInt(-1).putInt(-1);
        bytes.putShort((short) name.length).putShort((short) 28).putShort((short) 0);
        bytes.putShort((short) 0).putShort((short) 0).putInt(0).putInt(-1).put(name);
        bytes.putShort((short) 1).putShort((short) 24);
        bytes.putLong(7L << 32).putLong(5L << 32).putLong(6L << 32);
        bytes.putInt(0x06064b50).putLong(44).putShort((short) 45).putShort((short) 45);
        bytes.putInt(0).putInt(0).putLong(1).putLong(1).putLong(entry).putLong(0);
        bytes.putInt(0x07064b50).putInt(0).putLong(entry).putInt(1);
        bytes.putInt(0x06054b50).putInt(0).putShort((short) 1).putShort((short) 1);
        bytes.putInt(-1).putInt(-1).putShort((short) 0);
        try (PartServer server = new PartServer(bytes.array());
                RemoteFile file = new RemoteFile(server.address(), AT_ONCE)) {
            assertEquals(
                    List.of(new Entry("a/b.so", 8, 0x12345678L, 5L << 32, 7L << 32, 6L << 32)),
                    new RemoteArchive(file).entries());
        }
    }
}
