package dev.juggler.engine.experts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.experts.RoutingTrace.LayerShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Traces whose hits can be counted by hand. */
class TraceReplayTest {
    @TempDir Path folder;

    private RoutingTrace trace(int[][]... layersOfSteps) throws IOException {
        Path file = folder.resolve("t.trace");
        List<LayerShape> shapes = List.of(new LayerShape(1, 4, 1000), new LayerShape(4, 4, 2000));
        try (RoutingTrace.Recording recording = new RoutingTrace.Recording(file, "tiny", shapes)) {
            for (int[][] step : layersOfSteps) {
                recording.chosen(1, step[0].length / 2, step[0]);
                recording.chosen(4, step[1].length / 2, step[1]);
            }
        }
        return RoutingTrace.open(file);
    }

    private static Map<String, TraceReplay.Result> play(RoutingTrace trace, int moves)
            throws IOException {
        Map<String, TraceReplay.Result> results = new TreeMap<>();
        new TraceReplay(trace, Map.of(1, 2, 4, 2), moves)
                .run(ExpertCachePolicies.builtIn())
                .forEach(result -> results.put(result.policy(), result));
        return results;
    }

    @Test
    void hitsAreCountedByPolicy() throws IOException {
        // places for 0 and 1 in both layers; all rows go to 2 and 3, layer 4's to 0 and 1
        int[][] step = {{2, 3}, {0, 1}};
        Map<String, TraceReplay.Result> results = play(trace(step, step, step, step), 1);
        assertEquals(0.5, result(results, TraceReplay.UNIFORM).hitRate());
        assertEquals(1, result(results, TraceReplay.HINDSIGHT).hitRate());
        // layer 1 misses both, then has one; the second step's turn is layer 4's, which needs none;
        // so it gets the other behind the third step
        assertEquals((0 + 1 + 1 + 2 + 8) / 16.0, result(results, "lru").hitRate());
        assertEquals(2 / 4.0, result(results, "lru").movesPerStep());
        assertEquals((0 + 1 + 1 + 2 + 8) / 16.0, result(results, "lfu").hitRateOfSingleRows());
    }

    @Test
    void stepsOfManyRowsAreCountedApart() throws IOException {
        int[][] prompt = {{2, 3, 2, 3}, {2, 3, 2, 3}};
        int[][] token = {{0, 1}, {0, 1}};
        Map<String, TraceReplay.Result> results = play(trace(prompt, token), 1);
        assertEquals(4 / 12.0, result(results, TraceReplay.UNIFORM).hitRate());
        assertEquals(1, result(results, TraceReplay.UNIFORM).hitRateOfSingleRows());
    }

    private static TraceReplay.Result result(
            Map<String, TraceReplay.Result> results, String policy) {
        TraceReplay.Result result = results.get(policy);
        assertTrue(result != null, policy + " of " + results.keySet());
        return result;
    }

    @Test
    void whatIsNoTraceIsToldWithItsLine() throws IOException {
        String shape = "layer 1 experts 4 bytes 10\n";
        refused(shape + "1 1 4", "line 2: \"1 1 4\"");
        refused(shape + "2 1 0 1", "line 2");
        refused(shape + "1 2 0 1 2", "line 2");
        refused(shape + "1 x", "line 2");
        refused("layer 1 experts 0 bytes 10\n", "line 1");
        refused("layer 1 experts 99999999 bytes 10\n", "line 1");
        refused("# nothing\n", "names no layer");
    }

    private void refused(String text, String part) throws IOException {
        Path file = folder.resolve("bad.trace");
        Files.writeString(file, text);
        IOException told = assertThrows(IOException.class, () -> RoutingTrace.open(file));
        assertTrue(String.valueOf(told.getMessage()).contains(part), told.getMessage());
    }
}
