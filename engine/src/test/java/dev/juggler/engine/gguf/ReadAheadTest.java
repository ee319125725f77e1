package dev.juggler.engine.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading a file before it is used: what is missing is read once, with progress to its end. */
class ReadAheadTest {
    private static final long BYTES = 3 * ReadAhead.SLICE + 12_345;

    @TempDir private Path folder;

    @Test
    void readsWhatIsMissingAndTellsProgress() throws IOException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment file = map(arena); // a hole: no page of it is in memory
            ReadAhead missing = ReadAhead.of(folder, List.of(file));
            assertEquals(BYTES, missing.bytes());
            List<Long> done = new ArrayList<>();
            missing.run((bytes, total) -> {
                assertEquals(BYTES, total);
                done.add(bytes);
            });
            assertEquals(4, done.size());
            assertEquals(BYTES, done.getLast());
            assertEquals(done.stream().sorted().toList(), done);
            assertTrue(file.isLoaded());
            assertEquals(0, ReadAhead.of(folder, List.of(file)).bytes());
        }
    }

    @Test
    void whatIsNotMappedIsInMemory() {
        MemorySegment heap = MemorySegment.ofArray(new byte[1000]);
        assertEquals(0, ReadAhead.of(folder, List.of(heap)).bytes());
    }

    @Test
    void aFileThatHasBecomeShorterIsAnErrorNotACrash() throws IOException {
        try (Arena arena = Arena.ofShared()) {
            ReadAhead missing = ReadAhead.of(folder, List.of(map(arena)));
            try (RandomAccessFile file = new RandomAccessFile(path().toFile(), "rw")) {
                file.setLength(1);
            }
            GgufException broken =
                    assertThrows(GgufException.class, () -> missing.run(ReadAhead.Progress.NONE));
            assertTrue(String.valueOf(broken.getMessage()).contains("cannot be read to its end"));
        }
    }

    private Path path() {
        return folder.resolve("hole.gguf");
    }

    private MemorySegment map(Arena arena) throws IOException {
        try (FileChannel channel =
                FileChannel.open(
                        path(),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), BYTES - 1);
        }
        try (FileChannel channel = FileChannel.open(path(), StandardOpenOption.READ)) {
            return channel.map(MapMode.READ_ONLY, 0, BYTES, arena);
        }
    }
}
