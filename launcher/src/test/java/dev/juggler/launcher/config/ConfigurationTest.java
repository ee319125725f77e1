package dev.juggler.launcher.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigurationTest {
    @TempDir Path folder;

    @Test
    void withoutFileTheDemoModelAnswersUnderAnyName() {
        Configuration configuration = load(Map.of(), Map.of());
        assertEquals(
                "juggler-demo-moe",
                configuration.config().getString("juggler.server.fallback-model"));
        assertTrue(configuration.config().hasPath("juggler.models.juggler-demo-moe.path"));
        assertEquals(9112, configuration.config().getInt("juggler.server.port"));
    }

    @Test
    void aFileWithModelsReplacesTheDemoModel() throws IOException {
        write("juggler.models.mine.path = models/mine.gguf");
        Configuration configuration = load(Map.of(), Map.of());
        assertEquals("", configuration.config().getString("juggler.server.fallback-model"));
        assertEquals(
                folder.resolve("models/mine.gguf").toString(),
                configuration.config().getString("juggler.models.mine.path"));
        assertEquals(Set.of("mine"), configuration.config().getObject("juggler.models").keySet());
    }

    @Test
    void commandLineBeatsEnvironmentBeatsFile() throws IOException {
        write("juggler.server { port = 1, host = file, shutdown-grace = 1s }");
        Configuration configuration =
                load(
                        Map.of("juggler.server.port", "3"),
                        Map.of(
                                "JUGGLER_SERVER_PORT", "2",
                                "JUGGLER_SERVER_HOST", "environment",
                                "JUGGLER_SERVER_FALLBACK_MODEL", "m"));
        assertEquals(3, configuration.config().getInt("juggler.server.port"));
        assertEquals("environment", configuration.config().getString("juggler.server.host"));
        assertEquals("m", configuration.config().getString("juggler.server.fallback-model"));
        assertEquals("1s", configuration.config().getString("juggler.server.shutdown-grace"));
    }

    @Test
    void unknownKeysAreRefusedWithASuggestionAndTheirPlace() throws IOException {
        refused("juggler.server.prot = 1", "did you mean juggler.server.port?", "juggler.conf: 1");
        refused("jugler.server.port = 1", "did you mean juggler?");
        refused("juggler.backend.cdua.device = 1", "unknown key juggler.backend.cdua");
        refused("juggler.server = 5", "must be a block");
        write("");
        ConfigurationException thrown =
                assertThrows(
                        ConfigurationException.class,
                        () ->
                                load(Map.of("juggler.server.prt", "1"), Map.of())
                                        .withPlugins(List.of(), Set.of()));
        assertTrue(String.valueOf(thrown.getMessage()).contains("-Djuggler.server.prt"));
    }

    @Test
    void keysOfPluginsAreKnownByTheirReference() throws IOException {
        Path reference = folder.resolve("reference.conf");
        Files.writeString(reference, "juggler.backend.acme { lanes = auto }");
        URL url = reference.toUri().toURL();
        write("juggler.backend { acme.lanes = 4, broken.anything = 1 }");
        Configuration configuration =
                load(Map.of(), Map.of()).withPlugins(List.of(url), Set.of("broken"));
        assertEquals(Map.of("lanes", "4"), configuration.flattened("backend", "acme"));
        write("juggler.backend.acme.lane = 4");
        assertThrows(
                ConfigurationException.class,
                () -> load(Map.of(), Map.of()).withPlugins(List.of(url), Set.of()));
    }

    @Test
    void aNamedFileThatIsNotThereAndASyntaxErrorAreClear() throws IOException {
        ConfigurationException missing =
                assertThrows(
                        ConfigurationException.class,
                        () ->
                                Configuration.load(
                                        new ConfigurationSources(
                                                folder.resolve("no.conf"),
                                                Map.of(),
                                                Map.of(),
                                                folder,
                                                folder)));
        assertTrue(String.valueOf(missing.getMessage()).contains("no.conf"));
        write("juggler { server {");
        ConfigurationException broken =
                assertThrows(ConfigurationException.class, () -> load(Map.of(), Map.of()));
        assertTrue(String.valueOf(broken.getMessage()).contains("juggler.conf"));
    }

    private void refused(String text, String... expected) throws IOException {
        write(text);
        ConfigurationException thrown =
                assertThrows(
                        ConfigurationException.class,
                        () -> load(Map.of(), Map.of()).withPlugins(List.of(), Set.of()),
                        text);
        for (String part : expected) {
            assertTrue(String.valueOf(thrown.getMessage()).contains(part), thrown.getMessage());
        }
    }

    private void write(String text) throws IOException {
        Files.writeString(folder.resolve("juggler.conf"), text);
    }

    private Configuration load(Map<String, String> overrides, Map<String, String> environment) {
        return Configuration.load(
                new ConfigurationSources(null, overrides, environment, folder, folder));
    }
}
