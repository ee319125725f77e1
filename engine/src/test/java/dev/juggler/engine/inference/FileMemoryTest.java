package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.inference.FileMemory.HugePages;
import dev.juggler.inference.InferenceException;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** How a model's file is kept in memory: copied or mapped it is the same, and limits are told. */
class FileMemoryTest {
    @Test
    void aCopyInHugePagesIsTheSameModel() {
        try (GgufFile mapped = GgufFile.open(DemoModel.file())) {
            FileMemory always = new FileMemory(true, HugePages.ALWAYS, false);
            if (!GgufFile.hugePagesExist()) {
                System.out.println("skipped: this system has no huge pages");
                return;
            }
            try (GgufFile copy =
                    always.settle(GgufFile.open(DemoModel.file()), "demo", LoadProgress.NONE)) {
                assertNotSame(mapped, copy);
                assertEquals(mapped.tensors().size(), copy.tensors().size());
                for (GgufTensor tensor : mapped.tensors()) {
                    GgufTensor other = copy.tensor(tensor.name());
                    assertFalse(other.data().isMapped());
                    assertEquals(-1, tensor.data().mismatch(other.data()), tensor.name());
                }
            }
        }
    }

    @Test
    void aSmallFileStaysMapped() {
        try (GgufFile file = GgufFile.open(DemoModel.file())) {
            FileMemory auto = new FileMemory(true, HugePages.AUTO, false);
            assertSame(file, auto.settle(file, "demo", LoadProgress.NONE));
        }
    }

    @Test
    void aPlanSaysWhatLoadingWouldDo() {
        try (GgufFile file = GgufFile.open(DemoModel.file())) {
            assertTrue(planned(HugePages.NEVER, file).startsWith("stays mapped"));
            assertTrue(planned(HugePages.AUTO, file).startsWith("stays mapped"));
            assertTrue(planned(HugePages.ALWAYS, file).startsWith("is copied into huge pages"));
        }
    }

    @Test
    void aShareOfTheFileLiesInHugePages() throws IOException {
        try (GgufFile file = GgufFile.open(DemoModel.file())) {
            double share = file.shareInHugePages();
            assertTrue(share >= 0 && share <= 1, "share of " + share);
        }
    }

    private static String planned(HugePages hugePages, GgufFile file) {
        return new FileMemory(true, hugePages, false).plan(file);
    }

    @Test
    void memoryIsLockedOrTheLimitIsNamed() {
        FileMemory locked = new FileMemory(true, HugePages.NEVER, true);
        try (GgufFile file = GgufFile.open(DemoModel.file())) {
            assertSame(file, locked.settle(file, "demo", LoadProgress.NONE));
        } catch (InferenceException e) {
            assertTrue(String.valueOf(e.getMessage()).contains("ulimit -l"), e.getMessage());
        }
    }

    @Test
    void whatCannotBeLockedIsNamed() {
        GgufFile unmapped = GgufFile.open(DemoModel.file());
        unmapped.close(); // the system refuses to lock what is not mapped, as it does at a limit
        FileMemory locked = new FileMemory(false, HugePages.NEVER, true);
        InferenceException e =
                assertThrows(
                        InferenceException.class,
                        () -> locked.settle(unmapped, "demo", LoadProgress.NONE));
        assertTrue(
                String.valueOf(e.getMessage()).contains("model demo cannot be locked"),
                e.getMessage());
        assertTrue(String.valueOf(e.getMessage()).contains("mlock = false"), e.getMessage());
    }
}
