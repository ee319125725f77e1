package dev.juggler.launcher.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** {@code juggler models show}: what it tells programs, and its exit codes. */
class ModelsShowIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;

    @Test
    void supported() throws Exception {
        Launcher.Outcome outcome = Launcher.run(folder, "models", "show", "--json");
        assertEquals(0, outcome.code(), outcome.err());
        JsonNode model = JSON.readTree(outcome.out());
        assertTrue(model.path("supported").booleanValue());
        assertEquals("qwen3moe", model.path("architecture").stringValue());
        assertTrue(model.path("parameters").path("active").longValue() > 0);
        assertTrue(model.path("cache").path("bytes_per_kilotoken").longValue() > 0, outcome.out());
        assertEquals("Q8_0", model.path("types").path(0).path("type").stringValue());
        assertTrue(model.path("metadata").has("general.architecture"));
    }

    @Test
    void readableButNotSupported() throws Exception {
        Path file = folder.resolve("futura.gguf");
        Files.write(file, headerOf("futura"));
        Launcher.Outcome text = Launcher.run(folder, "models", "show", file.toString());
        assertEquals(3, text.code(), text.err());
        assertTrue(text.out().startsWith("supported    no"), text.out());
        Launcher.Outcome json = Launcher.run(folder, "models", "show", "--json", file.toString());
        assertEquals(3, json.code(), json.err());
        JsonNode problem = JSON.readTree(json.out()).path("problems").path(0);
        assertEquals("architecture", problem.path("kind").stringValue());
        Launcher.Outcome load = Launcher.run(folder, "run", "-m", file.toString(), "hello");
        assertEquals(1, load.code(), load.out());
        assertTrue(load.err().contains("\"futura\", which is not supported"), load.err());
    }

    /** A file without tensors that names its architecture and nothing else. */
    private static byte[] headerOf(String architecture) {
        byte[] key = "general.architecture".getBytes(StandardCharsets.UTF_8);
        byte[] value = architecture.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(24 + 8 + key.length + 4 + 8 + value.length + 32)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put("GGUF".getBytes(StandardCharsets.US_ASCII))
                .putInt(3)
                .putLong(0)
                .putLong(1)
                .putLong(key.length)
                .put(key)
                .putInt(8)
                .putLong(value.length)
                .put(value)
                .array();
    }
}
