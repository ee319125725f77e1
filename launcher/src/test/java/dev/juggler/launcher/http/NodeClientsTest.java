package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.juggler.inference.GenerationEvent.Call;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.ToolCall;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The openai and ollama packages of npm as they come; needs node and npm. */
@Timeout(300)
class NodeClientsTest {
    private static final Path SOURCES = Path.of("src/test/resources/clients");
    private static final Path FOLDER = Path.of("target/clients");

    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
        server.inference.script = NodeClientsTest::script;
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static List<ScriptedInference.Act> script(GenerationRequest request) {
        if (request.prompt() instanceof Prompt.Chat chat) {
            Message last = chat.messages().getLast();
            if ("hang".equals(last.content())) {
                return ScriptedInference.hangsAfter("partial");
            }
            if (!chat.tools().isEmpty()) {
                return ScriptedInference.tells(
                        FinishReason.TOOL_CALLS,
                        new Call(new ToolCall("call_1", "weather", Map.of("city", "Köln"))));
            }
        }
        return ScriptedInference.says("Hello", " world");
    }

    @Test
    void openAiPackage() throws Exception {
        drive("openai.mjs", 8);
    }

    @Test
    void ollamaPackage() throws Exception {
        drive("ollama.mjs", 7);
    }

    /** Runs a script that prints a line for each of its checks; its last one hangs up. */
    private void drive(String script, int checks) throws Exception {
        install();
        String url = "http://127.0.0.1:" + server.port();
        String output = run(List.of("node", script, url));
        List<String> passed = output.lines().filter(line -> line.startsWith("ok ")).toList();
        assertEquals(checks, passed.size(), output);
        System.out.println(script + ": " + passed.size() + " of " + checks + " checks passed");
        assertTrue(
                server.inference.generations.getLast().closedWithin(Duration.ofSeconds(5)),
                "the generation of the client that hung up is still open");
    }

    private static void install() throws Exception {
        try {
            run(List.of("node", "--version"));
            run(List.of("npm", "--version"));
        } catch (IOException missing) {
            skip("node and npm are not installed: " + missing.getMessage());
        }
        Files.createDirectories(FOLDER);
        for (String file : List.of("package.json", "openai.mjs", "ollama.mjs")) {
            Files.writeString(FOLDER.resolve(file), Files.readString(SOURCES.resolve(file)));
        }
        if (Files.isDirectory(FOLDER.resolve("node_modules/openai"))
                && Files.isDirectory(FOLDER.resolve("node_modules/ollama"))) {
            return;
        }
        try {
            run(List.of("npm", "install", "--no-audit", "--no-fund", "--no-package-lock"));
        } catch (AssertionError offline) {
            skip("npm cannot install the clients: " + offline.getMessage());
        }
    }

    private static void skip(String reason) {
        System.out.println("SKIPPED NodeClientsTest: " + reason);
        abort(reason);
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Files.createDirectories(FOLDER);
        Path log = Files.createTempFile(FOLDER, "run", ".log");
        Process process =
                new ProcessBuilder(command)
                        .directory(FOLDER.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        boolean ended = process.waitFor(120, TimeUnit.SECONDS);
        if (!ended) {
            process.destroyForcibly().waitFor();
        }
        String output = Files.readString(log, StandardCharsets.UTF_8);
        Files.delete(log);
        if (!ended || process.exitValue() != 0) {
            throw new AssertionError(command + (ended ? " failed" : " hangs") + ":\n" + output);
        }
        return output;
    }
}
