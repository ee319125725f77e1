package dev.juggler.engine.golden;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.tck.GoldenData;
import dev.juggler.tck.GoldenLogits;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Greedy continuations, equal up to the first step at which the golden engine nearly had a tie. */
class GoldenGreedyTest {
    private static final double TIE = 1e-3;
    private static final double TIE_OF_EIGHT_BITS = 0.05;

    @Test
    void onReference() throws IOException {
        run(new ReferenceBackend(), TIE);
    }

    @Test
    void onCpuExactly() throws IOException {
        run(cpu(true), TIE);
    }

    @Test
    void onCpu() throws IOException {
        run(cpu(false), TIE_OF_EIGHT_BITS);
    }

    private static Backend cpu(boolean exact) {
        return new CpuSimdBackendProvider().open(new BackendOptions("cpu", exact, Map.of()));
    }

    private static void run(Backend backend, double tie) throws IOException {
        List<String> problems = new ArrayList<>();
        int cases = 0;
        int tokens = 0;
        try (Devices devices = new Devices(List.of(backend))) {
            for (String line : Files.readAllLines(GoldenData.require("logits/greedy.jsonl"))) {
                JsonNode golden = JsonMapper.shared().readTree(line);
                String name = golden.get("model").asString().replace(".gguf", "");
                try (GgufFile file = GoldenModels.open(name)) {
                    cases++;
                    tokens += compare(golden, name, file, devices, tie, problems);
                } catch (TestAbortedException e) {
                    System.out.println("golden greedy: without " + name);
                }
            }
        }
        System.out.printf(
                "golden greedy, %s: %d cases, %d passed, %d tokens%n",
                backend.device(), cases, cases - problems.size(), tokens);
        assertTrue(problems.isEmpty(), () -> String.join("\n", problems));
        assertTrue(cases > 0);
    }

    private static int compare(
            JsonNode golden,
            String name,
            GgufFile file,
            Devices devices,
            double tie,
            List<String> problems) {
        int[] prompt = ints(golden.get("prompt"));
        int[] expected = ints(golden.get("ids"));
        int capacity = prompt.length + expected.length;
        int[] next = new int[1];
        try (PlacedModel model =
                        ModelLoader.builtIn()
                                .load(
                                        file,
                                        WeightDevices.all(devices.names().iterator().next()),
                                        devices);
                SequenceRunner runner = new SequenceRunner(model, DType.F32, capacity, 16)) {
            SequenceRunner.Sink sink = (position, logits) -> next[0] = GoldenLogits.best(logits);
            runner.run(prompt, false, sink);
            for (int i = 0; i < expected.length; i++) {
                if (golden.get("margins").get(i).asDouble() < tie) {
                    return i;
                }
                if (next[0] != expected[i]) {
                    problems.add(
                            "%s: token %d is %d, expected %d"
                                    .formatted(name, i, next[0], expected[i]));
                    return i;
                }
                runner.run(new int[] {expected[i]}, false, sink);
            }
            return expected.length;
        }
    }

    private static int[] ints(JsonNode array) {
        List<Integer> values = new ArrayList<>();
        array.forEach(value -> values.add(value.asInt()));
        return values.stream().mapToInt(Integer::intValue).toArray();
    }
}
