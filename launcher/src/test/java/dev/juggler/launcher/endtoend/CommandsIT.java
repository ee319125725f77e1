package dev.juggler.launcher.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** The commands as a user types them. */
class CommandsIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;

    @Test
    void runAnswersOnStandardOutputAndNothingElse() throws Exception {
        Launcher.Outcome outcome =
                Launcher.run(folder, "run", "--greedy", "What is the capital of France?");
        assertEquals(0, outcome.code(), outcome.err());
        assertTrue(outcome.out().contains("Paris"), outcome.out());
        assertEquals("", outcome.err());
    }

    @Test
    void runWithIdsGivesExactlySoManyIds() throws Exception {
        Launcher.Outcome outcome =
                Launcher.run(
                        folder,
                        "run",
                        "juggler-demo-moe",
                        "--raw",
                        "--greedy",
                        "--ids",
                        "2040,271,10",
                        "--max-tokens",
                        "12",
                        "--json");
        assertEquals(0, outcome.code(), outcome.err());
        JsonNode answer = JSON.readTree(outcome.out());
        assertEquals("[2040,271,10]", answer.path("prompt_ids").toString());
        assertEquals(12, answer.path("ids").size());
        assertTrue(answer.path("timings").path("total_ms").doubleValue() > 0);
    }

    @Test
    void logitsAreThoseOfTheGoldens() throws Exception {
        Path model = GoldenData.require("models/qwen3moe.F32.gguf");
        Path sequences = GoldenData.require("logits/sequences.json");
        Path golden = GoldenData.require("logits/qwen3moe.F32.seq16.f32");
        Path out = folder.resolve("logits.f32");
        Path placement = folder.resolve("placement.conf");
        Files.writeString(
                placement,
                "rules = [{ match { role = experts, layers = odd }, device = reference }]");
        Launcher.Outcome outcome =
                Launcher.run(
                        folder,
                        "logits",
                        model.toString(),
                        "--ids",
                        sequences.toString(),
                        "--sequence",
                        "seq16",
                        "--out",
                        out.toString(),
                        "--steps",
                        "5",
                        "--exact",
                        "--placement",
                        placement.toString());
        assertEquals(0, outcome.code(), outcome.err());
        assertTrue(error(read(out), read(golden)) < 5e-11);
    }

    @Test
    void tokenizeAndRenderAnswerLineByLine() throws Exception {
        Path model = GoldenData.require("tokenizers/llama-spm.gguf");
        Path cases = GoldenData.require("tokenizers/llama-spm.jsonl");
        Launcher.Outcome tokenized =
                Launcher.run(folder, "tokenize", model.toString(), "--jsonl", cases.toString());
        compare(cases, tokenized, "ids", "ids");
        Path template = GoldenData.require("templates/Qwen3-0.6B.jinja");
        Path conversations = GoldenData.require("templates/Qwen3-0.6B.jsonl");
        Launcher.Outcome rendered =
                Launcher.run(
                        folder, "render", template.toString(), "--jsonl", conversations.toString());
        compare(conversations, rendered, "expected", "text");
    }

    @Test
    void planSaysWhetherItFits() throws Exception {
        Launcher.Outcome fits = Launcher.run(folder, "plan", "juggler-demo-moe", "--json");
        assertEquals(0, fits.code(), fits.err());
        assertTrue(JSON.readTree(fits.out()).path("fits").booleanValue());
        Launcher.Outcome tooMuch =
                Launcher.run(
                        folder,
                        "plan",
                        "-Djuggler.models.juggler-demo-moe.path=built-in:juggler-demo-moe-q8_0.gguf",
                        "-Djuggler.models.juggler-demo-moe.context=500000000",
                        "juggler-demo-moe");
        assertEquals(2, tooMuch.code(), tooMuch.out() + tooMuch.err());
    }

    @Test
    void planForAMachineThatIsNotThere() throws Exception {
        String machine = "cuda:0=6MiB@1008GB/s,pcie=25GB/s,cpu=1GiB@80GB/s";
        String[] numbers = {"--context", "512", "--parallel", "1"};
        JsonNode plan = planned(0, machine, numbers);
        List<String> keys = new ArrayList<>(plan.propertyNames());
        assertEquals(List.of("fits", "devices", "placement", "prediction"), keys);
        assertEquals(List.of("cuda:0", "cpu"), List.copyOf(plan.path("devices").propertyNames()));
        JsonNode device = plan.path("devices").path("cuda:0");
        assertEquals(
                List.of("weights", "kv", "buffers", "total", "limit"),
                List.copyOf(device.propertyNames()));
        assertEquals(6 << 20, device.path("limit").longValue());
        assertTrue(device.path("weights").longValue() > 0, plan.toString());
        long placed = 0;
        for (JsonNode component : plan.path("placement")) {
            assertEquals(
                    List.of("component", "device", "bytes", "rule"),
                    List.copyOf(component.propertyNames()));
            placed +=
                    component.path("device").stringValue().equals("cuda:0")
                            ? component.path("bytes").longValue()
                            : 0;
        }
        assertEquals(device.path("total").longValue(), placed);
        assertTrue(device.path("total").longValue() <= 6 << 20);
        assertEquals(
                List.of("decode_tokens_per_second", "prefill_tokens_per_second", "bound_by"),
                List.copyOf(plan.path("prediction").propertyNames()));
        JsonNode tooMuch = planned(2, "cpu=1MiB@80GB/s", numbers);
        assertTrue(!tooMuch.path("fits").booleanValue() && tooMuch.path("remedies").size() > 0);
        mistake(2, "--assume: memory of cpu is \"much\"", "plan", "--assume", "cpu=much@1GB/s");
    }

    private JsonNode planned(int code, String machine, String... more) throws Exception {
        List<String> arguments =
                new ArrayList<>(List.of("plan", "juggler-demo-moe", "--json", "--assume", machine));
        arguments.addAll(List.of(more));
        Launcher.Outcome outcome = Launcher.run(folder, arguments.toArray(String[]::new));
        assertEquals(code, outcome.code(), outcome.out() + outcome.err());
        return JSON.readTree(outcome.out());
    }

    @Test
    void whatPlanPinsIsPlannedAgain() throws Exception {
        String machine = "cuda:0=6MiB@1008GB/s,cpu=1GiB@80GB/s";
        Launcher.Outcome pinned =
                Launcher.run(
                        folder,
                        "plan",
                        "juggler-demo-moe",
                        "--assume",
                        machine,
                        "--context",
                        "512",
                        "--hocon");
        assertEquals(0, pinned.code(), pinned.err());
        Path file = folder.resolve("pinned.conf");
        Files.writeString(file, pinned.out());
        JsonNode first = planned(0, machine, "--context", "512");
        JsonNode again = planned(0, machine, "--context", "512", "--placement", file.toString());
        assertEquals(first.path("devices"), again.path("devices"), pinned.out());
        assertEquals(first.path("prediction"), again.path("prediction"));
        assertTrue(again.path("devices").path("cuda:0").path("weights").longValue() > 0);
    }

    /** The counts of a text decide what stays on the device; its trace tells how well others do. */
    @Test
    void profileCountsWhatPlanAndReplayUse() throws Exception {
        Path prompts = folder.resolve("prompts.txt");
        Files.writeString(prompts, "What is the capital of France?\n\nTell me a joke.\n");
        Launcher.Outcome recorded =
                Launcher.run(
                        folder,
                        "profile",
                        "juggler-demo-moe",
                        "--prompts",
                        prompts.toString(),
                        "--tokens",
                        "12",
                        "--output",
                        "demo.experts",
                        "--trace",
                        "demo.trace");
        assertEquals(0, recorded.code(), recorded.err());
        List<String> counts =
                Files.readAllLines(folder.resolve("demo.experts")).stream()
                        .filter(line -> line.startsWith("layer"))
                        .toList();
        List<String> trace = Files.readAllLines(folder.resolve("demo.trace"));
        List<String> shapes = trace.stream().filter(line -> line.startsWith("layer")).toList();
        assertEquals(shapes.size(), counts.size());
        // the first layer sees all rows, and each choice is in both files
        String first = counts.getFirst();
        long tokens = Long.parseLong(words(first).get(3));
        assertTrue(recorded.out().contains(tokens + " tokens"), recorded.out());
        long rows = 0;
        long choices = 0;
        String layer = words(first).get(1) + " ";
        for (String line : trace.stream().filter(l -> l.startsWith(layer)).toList()) {
            rows += Long.parseLong(words(line).get(1));
            choices += words(line).size() - 2;
        }
        assertEquals(tokens, rows);
        long counted = 0;
        for (String count : words(first).subList(5, words(first).size())) {
            counted += Long.parseLong(count);
        }
        assertEquals(choices, counted);

        String machine = "cuda:0=16MiB@1008GB/s,cpu=1GiB@80GB/s";
        Path placement = folder.resolve("hot.conf");
        Files.writeString(
                placement,
                """
                rules = [{ match { role = experts }, device = cpu,
                           hot { device = "cuda:0", memory = 1MiB, choose = frequency } }]
                default = cpu
                profile = "%s"
                """
                        .formatted(folder.resolve("demo.experts")));
        JsonNode plan = planned(0, machine, "--placement", placement.toString());
        long hot = plan.path("devices").path("cuda:0").path("weights").longValue();
        assertTrue(hot > 0 && hot <= 1 << 20, plan.toString());

        Launcher.Outcome replayed =
                Launcher.run(folder, "profile", "--replay", "demo.trace", "--memory", "1MiB");
        assertEquals(0, replayed.code(), replayed.err());
        for (String policy : List.of("lru", "lfu", "uniform", "frequency (of this trace)")) {
            assertTrue(replayed.out().contains("\n" + policy + " "), replayed.out());
        }
        Launcher.Outcome all =
                Launcher.run(folder, "profile", "--replay", "demo.trace", "--experts", "10000");
        assertTrue(all.out().matches("(?s).*\nlru +100\\.0 %.*"), all.out());
        mistake(2, "--replay needs either", "profile", "--replay", "demo.trace");
        mistake(2, "--prompts is missing", "profile", "juggler-demo-moe");
        mistake(
                2,
                "none.trace: no such file can be read",
                "profile",
                "--replay",
                "none.trace",
                "--experts",
                "1");
        Path binary = Files.write(folder.resolve("binary"), new byte[] {(byte) 0xff, 0});
        mistake(2, "binary: it is no text", "profile", "--replay", "binary", "--experts", "1");
        mistake(2, "binary: it is no text", "profile", "--prompts", binary.toString());
        for (String option : List.of("--output", "--trace")) {
            String file = folder.resolve("none").resolve("file").toString();
            mistake(
                    2,
                    option + " " + file + ": no such file can be written",
                    "profile",
                    "juggler-demo-moe",
                    "--prompts",
                    prompts.toString(),
                    option,
                    file);
        }
    }

    /** Whatever makes no sense in a plan is told in a line, with the code of wrong usage. */
    @Test
    void plansThatMakeNoSense() throws Exception {
        String machine = "cuda:0=6MiB@1008GB/s,cpu=1GiB@80GB/s";
        mistake(2, "context is 0", "plan", "--assume", machine, "--context", "0");
        Path file = folder.resolve("senseless.conf");
        String[] plan = {"plan", "--assume", machine, "--placement", file.toString()};
        Files.writeString(file, "default = \"cuda:1\"");
        mistake(2, "there is no device cuda:1; known are auto, cuda:0, cpu", plan);
        Files.writeString(
                file,
                "rules = [{ match { role = experts }, hot { device = cpu, memory = 1MB, choose = frequency } }]");
        mistake(2, "needs a profile; record one with juggler profile", plan);
        mistake(
                1,
                "there is no device cuda:1",
                "bench",
                "-Djuggler.models.juggler-demo-moe.placement.default=cuda:1");
    }

    private static List<String> words(String line) {
        return List.of(line.split(" ", -1));
    }

    @Test
    void benchPrintsRowsForPrograms() throws Exception {
        Launcher.Outcome outcome =
                Launcher.run(
                        folder,
                        "bench",
                        "--pp",
                        "16",
                        "--tg",
                        "4",
                        "--repetitions",
                        "2",
                        "--output",
                        "json");
        assertEquals(0, outcome.code(), outcome.err());
        JsonNode rows = JSON.readTree(outcome.out());
        assertEquals("pp16", rows.path(0).path("test").stringValue());
        assertEquals("tg4", rows.path(1).path("test").stringValue());
        assertTrue(rows.path(0).path("tokens_per_second").doubleValue() > 0);
        assertTrue(rows.path(0).has("stddev") && rows.path(0).has("model"));
    }

    @Test
    void listingCommandsWork() throws Exception {
        for (List<String> command :
                List.of(
                        List.of("--help"),
                        List.of("--version"),
                        List.of("models"),
                        List.of("models", "show"),
                        List.of("plugins"),
                        List.of("doctor"),
                        List.of("generate-completion"))) {
            Launcher.Outcome outcome = Launcher.run(folder, command.toArray(String[]::new));
            assertEquals(0, outcome.code(), command + outcome.err());
            assertTrue(outcome.out().length() > 20, command + outcome.out());
        }
    }

    @Test
    void mistakesAreToldInOneLine() throws Exception {
        mistake(
                2,
                "no configured model and no file is called nowhere.gguf",
                "plan",
                "nowhere.gguf");
        mistake(2, "Unknown option", "run", "--temprature", "1", "hello");
        mistake(2, "is no token id", "run", "--ids", "1,x", "--max-tokens", "1");
        mistake(1, "did you mean juggler.server.port?", "serve", "-Djuggler.server.prot=1");
        Path broken = folder.resolve("broken.gguf");
        Files.writeString(broken, "GGUF and then nothing");
        mistake(1, "broken.gguf", "run", "-m", broken.toString(), "hello");
        mistake(1, "broken.gguf", "models", "show", broken.toString());
    }

    private void mistake(int code, String expected, String... arguments) throws Exception {
        Launcher.Outcome outcome = Launcher.run(folder, arguments);
        assertEquals(code, outcome.code(), outcome.out() + outcome.err());
        assertTrue(outcome.err().contains(expected), outcome.err());
        assertTrue(!outcome.err().contains("\tat "), outcome.err());
    }

    private static void compare(
            Path cases, Launcher.Outcome outcome, String expected, String actual)
            throws IOException {
        assertEquals(0, outcome.code(), outcome.err());
        List<String> lines = Files.readAllLines(cases);
        List<String> answers = outcome.out().lines().toList();
        assertEquals(lines.size(), answers.size());
        int passed = 0;
        for (int i = 0; i < lines.size(); i++) {
            JsonNode wanted = JSON.readTree(lines.get(i)).path(expected);
            if (!wanted.isNull()) {
                assertEquals(wanted, JSON.readTree(answers.get(i)).path(actual), lines.get(i));
                passed++;
            }
        }
        System.out.printf("%s: %d of %d lines as expected%n", cases.getFileName(), passed, passed);
    }

    private static float[] read(Path file) throws IOException {
        FloatBuffer floats =
                ByteBuffer.wrap(Files.readAllBytes(file))
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer();
        float[] values = new float[floats.remaining()];
        floats.get(values);
        return values;
    }

    /** Normalized mean squared error. */
    private static double error(float[] values, float[] golden) {
        assertEquals(golden.length, values.length);
        double difference = 0;
        double square = 0;
        for (int i = 0; i < golden.length; i++) {
            difference += Math.pow(values[i] - golden[i], 2);
            square += Math.pow(golden[i], 2);
        }
        return difference / square;
    }
}
