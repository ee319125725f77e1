package dev.juggler.launcher.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.launcher.plugin.ForeignPlugin;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The JVM gets the modules that the configured backends need, and no others. */
class RestartIT {
    private static final String IN_JAVA = "-Djuggler.backend.cpu-simd.kernels=vector";

    @TempDir Path folder;

    @Test
    void nativeKernelsDoWithoutTheVectorModule() throws Exception {
        boolean natives = Launcher.run(folder, "plugins").out().contains("native kernels");
        String findings = Launcher.run(folder, "doctor").out();
        String expected = natives ? "not loaded: no backend in use needs it" : "loaded: starts";
        assertTrue(findings.contains("Vector API") && findings.contains(expected), findings);
        String inJava = Launcher.run(folder, "doctor", IN_JAVA).out();
        assertTrue(inJava.contains("loaded: starts"), inJava);
    }

    /** Input and arguments reach the JVM that computes, whatever letters they have. */
    @Test
    void kernelsInJavaGetItByThemselves() throws Exception {
        Path out = folder.resolve("out.txt");
        Path err = folder.resolve("err.txt");
        Process process =
                Launcher.start(
                        folder,
                        out.toFile(),
                        err.toFile(),
                        "run",
                        "--raw",
                        "--json",
                        "--greedy",
                        "--max-tokens",
                        "3",
                        IN_JAVA,
                        "L'été \"à 5 €\"  ",
                        "-");
        long id = process.pid();
        try (OutputStream input = process.getOutputStream()) {
            input.write("What is the capital of France?".getBytes(StandardCharsets.UTF_8));
        }
        assertTrue(process.waitFor(120, TimeUnit.SECONDS), "juggler does not end: " + id);
        assertEquals(0, process.exitValue(), Files.readString(err));
        assertEquals("", Files.readString(err));
        Launcher.Outcome expected =
                Launcher.run(
                        folder,
                        "run",
                        "--raw",
                        "--json",
                        "--greedy",
                        "--max-tokens",
                        "3",
                        "L'été \"à 5 €\"  \n\nWhat is the capital of France?");
        assertEquals(promptIds(expected.out()), promptIds(Files.readString(out)));
    }

    private static String promptIds(String json) {
        return json.substring(json.indexOf("\"prompt_ids\""), json.indexOf(']'));
    }

    @Test
    void aForeignBackendGetsTheModulesThatItNames() throws Exception {
        Path plugins = Files.createDirectory(folder.resolve("plugins"));
        new ForeignPlugin("acme")
                .source(
                        "acme.AcmeProvider",
                        """
                        package acme;
                        import dev.juggler.kernel.*;
                        import java.util.List;
                        import java.util.Set;
                        public final class AcmeProvider implements BackendProvider {
                            public String name() { return "acme"; }
                            public int apiVersion() { return KernelApi.VERSION; }
                            public Set<String> modules(BackendOptions options) {
                                return Set.of("jdk.incubator.vector", "jdk.httpserver");
                            }
                            public Availability probe() {
                                boolean all = modules(BackendOptions.of("")).stream()
                                        .allMatch(m -> ModuleLayer.boot().findModule(m).isPresent());
                                return new Availability.Usable(
                                        1, List.of("acme:0"), all ? "with modules" : "without");
                            }
                            public Backend open(BackendOptions options) {
                                throw new BackendException("a test");
                            }
                        }
                        """)
                .extension("acme.AcmeProvider")
                .zipInto(plugins);
        Launcher.Outcome outcome =
                Launcher.run(folder, "plugins", "-Djuggler.plugins.folder=" + plugins);
        assertEquals(0, outcome.code(), outcome.err());
        assertTrue(outcome.out().contains("with modules"), outcome.out() + outcome.err());
    }

    /** Without the script nobody can start the JVM anew; then the message says what is missing. */
    @Test
    void javaByHandIsToldWhatToAdd() throws Exception {
        List<String> arguments =
                List.of("run", "--raw", "--ids", "2040,271,10", "--max-tokens", "2", IN_JAVA);
        Launcher.Outcome without = byHand(List.of(), arguments);
        assertEquals(1, without.code(), without.out() + without.err());
        assertTrue(without.err().contains("--add-modules jdk.incubator.vector"), without.err());
        Launcher.Outcome with = byHand(List.of("--add-modules", "jdk.incubator.vector"), arguments);
        assertEquals(0, with.code(), with.err());
    }

    private Launcher.Outcome byHand(List<String> flags, List<String> arguments) throws Exception {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        Path jar = Launcher.root().resolve("launcher/target/dist/juggler.jar");
        List<String> command = new ArrayList<>(List.of(java.toString()));
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-Ddev.juggler.home=" + Launcher.root());
        command.addAll(flags);
        command.addAll(List.of("-jar", jar.toString()));
        command.addAll(arguments);
        Path out = Files.createTempFile(folder, "out", ".txt");
        Path err = Files.createTempFile(folder, "err", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        process.getOutputStream().close();
        assertTrue(process.waitFor(120, TimeUnit.SECONDS), "java does not end");
        return new Launcher.Outcome(
                process.exitValue(), Files.readString(out), Files.readString(err));
    }
}
