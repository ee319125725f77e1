package dev.juggler.launcher.command;

import dev.juggler.engine.experts.EvenPlaces;
import dev.juggler.engine.experts.EvenPlaces.Want;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.experts.RoutingTrace;
import dev.juggler.engine.experts.TraceReplay;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** {@code juggler profile --replay}: how often each policy would have found an expert in place. */
final class TraceReplayReport {
    private TraceReplayReport() {}

    /**
     * Prints it.
     *
     * @param policies those to compare
     * @param experts places of each layer, or null
     * @param memory bytes for the places of all layers, or null
     * @param moves most experts that a step brings
     * @throws UserException if the file is no trace, or not exactly one of experts and memory says
     *     how many places there are
     */
    static void print(
            PrintWriter out,
            ExpertCachePolicies policies,
            Path file,
            @Nullable Integer experts,
            @Nullable Long memory,
            int moves) {
        if ((experts == null) == (memory == null)) {
            throw new UserException(
                    "--replay needs either --experts (of each layer) or --memory (of all), e.g. --experts 16",
                    2);
        }
        if (moves < 1 || (experts != null && experts < 1)) {
            throw new UserException("--experts and --moves must be 1 or more", 2);
        }
        if (!Files.isRegularFile(file)) {
            throw new UserException("--replay %s: no such file can be read".formatted(file), 2);
        }
        try {
            RoutingTrace trace = RoutingTrace.open(file);
            Map<Integer, Integer> places = places(trace, experts, memory);
            long bytes = 0;
            for (Map.Entry<Integer, Integer> layer : places.entrySet()) {
                RoutingTrace.LayerShape shape = trace.layers().get(layer.getKey());
                bytes += shape == null ? 0 : layer.getValue() * shape.expertBytes();
            }
            out.printf(
                    Locale.ROOT,
                    "%d layers, %d experts in place, %.2f GiB, at most %d moves a step%n",
                    places.size(),
                    places.values().stream().mapToInt(Integer::intValue).sum(),
                    bytes / 0x1p30,
                    moves);
            out.printf("%-26s %8s %12s %11s%n", "policy", "hits", "generation", "moves/step");
            for (TraceReplay.Result result : new TraceReplay(trace, places, moves).run(policies)) {
                out.printf(
                        Locale.ROOT,
                        "%-26s %6.1f %% %10.1f %% %11.2f%n",
                        result.policy(),
                        100 * result.hitRate(),
                        100 * result.hitRateOfSingleRows(),
                        result.movesPerStep());
            }
        } catch (CharacterCodingException e) {
            throw new UserException(
                    "--replay %s: it is no text; record a trace with juggler profile --trace"
                            .formatted(file),
                    2);
        } catch (IOException e) {
            throw new UserException("--replay: " + e.getMessage(), 2);
        }
    }

    private static Map<Integer, Integer> places(
            RoutingTrace trace, @Nullable Integer experts, @Nullable Long memory) {
        Map<Integer, Want> wants = new TreeMap<>();
        Map<Integer, Integer> places = new TreeMap<>();
        trace.layers()
                .forEach((layer, shape) -> {
                    wants.put(layer, new Want(shape.experts(), shape.expertBytes()));
                    places.put(layer, Math.min(shape.experts(), experts == null ? 0 : experts));
                });
        if (memory == null) {
            return places;
        }
        Map<Integer, Integer> room = EvenPlaces.of(wants, memory);
        if (room.isEmpty()) {
            throw new UserException(
                    "--memory %d bytes is less than one expert; give it more".formatted(memory), 2);
        }
        return room;
    }
}
