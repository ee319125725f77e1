package dev.juggler.launcher.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.BackendProvider;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PluginHostTest {
    private static final String BACKEND =
            """
            package acme;
            import dev.juggler.kernel.*;
            public class AcmeProvider implements BackendProvider {
                public String name() { return "NAME"; }
                public int apiVersion() { return VERSION; }
                public Availability probe() { PROBE }
                public Backend open(BackendOptions options) { throw new BackendException("none"); }
            }
            """;
    private static final String USABLE =
            "return new Availability.Usable(1, java.util.List.of(\"acme:0\"), \"fine\");";

    @TempDir Path folder;

    @Test
    void aSoundPluginIsUsedAndTheOthersAreRefusedByName() throws IOException {
        backend("good", "good", "1", USABLE).zipInto(folder);
        backend("old", "old", "0", USABLE).zipInto(folder);
        backend("bundler", "bundler", "1", USABLE).bundle(BackendProvider.class).zipInto(folder);
        backend("twin", "good", "1", USABLE).zipInto(folder);
        backend("future", "future", "1", USABLE).requires(">=99.0.0").zipInto(folder);
        new ForeignPlugin("thrower")
                .source(
                        "acme.AcmeProvider",
                        backendSource("thrower", "1", USABLE)
                                .replace(
                                        "public String name()",
                                        "static { if (true) throw new IllegalStateException(\"boom\"); }"
                                                + " public String name()"))
                .extension("acme.AcmeProvider")
                .zipInto(folder);
        new ForeignPlugin("empty").zipInto(folder);
        Files.writeString(folder.resolve("broken-1.0.0.zip"), "no zip at all");
        Files.writeString(folder.resolve("README.md"), "not a plugin");

        try (PluginHost host = PluginHost.open(folder, "0.1.0")) {
            assertEquals(Set.of("good"), host.backends().keySet());
            assertNull(refusal(host, "good"));
            assertRefused(host, "old", "API version 0, this is version 1");
            assertRefused(host, "bundler", "bundles dev/juggler/kernel/BackendProvider.class");
            assertRefused(host, "twin", "a provider named good is there already");
            assertRefused(host, "future", ">=99.0.0");
            assertRefused(host, "thrower", "IllegalStateException: boom");
            assertRefused(host, "empty", "extensions.idx");
            assertRefused(host, "broken", "cannot be unpacked");
            assertEquals(8, host.found().size());
        }
    }

    @Test
    void aPluginSeesTheContractsAndNothingElseOfTheCore() throws IOException {
        String probe =
                """
                StringBuilder seen = new StringBuilder();
                for (String name : new String[] {
                    "dev.juggler.launcher.Version", "com.typesafe.config.Config", "picocli.CommandLine",
                    "dev.juggler.kernel.DType", "org.slf4j.Logger", "java.net.http.HttpClient"}) {
                  try { Class.forName(name); seen.append("1"); }
                  catch (ClassNotFoundException e) { seen.append("0"); }
                }
                return new Availability.Unusable(seen.toString(), "");
                """;
        backend("spy", "spy", "1", probe).zipInto(folder);
        try (PluginHost host = PluginHost.open(folder, "0.1.0")) {
            BackendProvider spy = Objects.requireNonNull(host.backends().get("spy"));
            assertEquals(new Availability.Unusable("000111", ""), spy.probe());
            assertNull(PluginHost.referenceConfiguration(spy));
        }
    }

    @Test
    void aClosedPluginIsCollected() throws Exception {
        backend("passing", "passing", "1", USABLE).zipInto(folder);
        WeakReference<ClassLoader> loader = openAndClose();
        for (int i = 0; i < 100 && loader.get() != null; i++) {
            System.gc();
            Thread.sleep(20);
        }
        assertNull(loader.get(), "the plugin's class loader is still reachable");
    }

    @Test
    void aFolderThatIsNotThereHoldsNoPlugins() {
        try (PluginHost host = PluginHost.open(folder.resolve("nowhere"), "0.1.0")) {
            assertEquals(List.of(), host.found());
        }
    }

    @Test
    void aNewerZipReplacesTheUnpackedOne() throws IOException {
        Path zip = backend("changing", "changing", "0", USABLE).zipInto(folder);
        try (PluginHost host = PluginHost.open(folder, "0.1.0")) {
            assertTrue(host.backends().isEmpty());
        }
        backend("changing", "changing", "1", USABLE).zipInto(folder);
        Files.setLastModifiedTime(
                zip,
                java.nio.file.attribute.FileTime.fromMillis(System.currentTimeMillis() + 5000));
        try (PluginHost host = PluginHost.open(folder, "0.1.0")) {
            assertEquals(Set.of("changing"), host.backends().keySet());
        }
    }

    private WeakReference<ClassLoader> openAndClose() {
        try (PluginHost host = PluginHost.open(folder, "0.1.0")) {
            BackendProvider provider = Objects.requireNonNull(host.backends().get("passing"));
            assertTrue(provider.probe() instanceof Availability.Usable);
            URL own = PluginHost.referenceConfiguration(provider);
            assertNull(own);
            return new WeakReference<>(provider.getClass().getClassLoader());
        }
    }

    private static ForeignPlugin backend(String id, String name, String version, String probe) {
        return new ForeignPlugin(id)
                .source("acme.AcmeProvider", backendSource(name, version, probe))
                .extension("acme.AcmeProvider");
    }

    private static String backendSource(String name, String version, String probe) {
        return BACKEND.replace("NAME", name).replace("VERSION", version).replace("PROBE", probe);
    }

    private static void assertRefused(PluginHost host, String id, String reason) {
        String refusal = refusal(host, id);
        assertTrue(refusal != null && refusal.contains(reason), id + ": " + refusal);
    }

    private static @Nullable String refusal(PluginHost host, String id) {
        return host.found().stream()
                .filter(plugin -> plugin.id().startsWith(id))
                .findFirst()
                .orElseThrow()
                .refusal();
    }
}
