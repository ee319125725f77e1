package dev.juggler.engine.golden;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.kernel.DType;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The golden model files. */
public final class GoldenModels {
    private GoldenModels() {}

    /** Names such as {@code qwen3moe.Q4_0}, sorted: all that have logits. */
    public static List<String> all() {
        try (Stream<Path> files = Files.list(GoldenData.require("logits"))) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(".json") && name.contains("."))
                    .filter(name -> !name.equals("sequences.json"))
                    .map(name -> name.substring(0, name.length() - ".json".length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Opens a model file; one that is not stored is made by its recipe. */
    public static GgufFile open(String name) {
        if (name.equals("qwen3moe-k.F32")) {
            return GgufFile.open(SynthesizedModel.qwen3MoeK());
        }
        return GgufFile.open(GoldenData.require("models/" + name + ".gguf"));
    }

    /** The squares of the differences by the squares of what is expected, summed over all. */
    public static double normalizedError(double[][] expected, float[][] actual) {
        double difference = 0;
        double norm = 0;
        for (int row = 0; row < expected.length; row++) {
            for (int i = 0; i < expected[row].length; i++) {
                difference += Math.pow(expected[row][i] - actual[row][i], 2);
                norm += Math.pow(expected[row][i], 2);
            }
        }
        return difference / norm;
    }

    /** The same of logits of another computation. */
    public static double normalizedError(float[][] expected, float[][] actual) {
        double[][] exact = new double[expected.length][];
        for (int row = 0; row < expected.length; row++) {
            float[] logits = expected[row];
            exact[row] = IntStream.range(0, logits.length).mapToDouble(i -> logits[i]).toArray();
        }
        return normalizedError(exact, actual);
    }

    /** The same of one row. */
    public static double normalizedError(float[] expected, float[] actual) {
        return normalizedError(new float[][] {expected}, new float[][] {actual});
    }

    /** The logits of all positions. */
    public static float[][] logits(PlacedModel model, DType kvType, int[] ids, int rowsPerStep) {
        float[][] logits = new float[ids.length][];
        try (SequenceRunner runner = new SequenceRunner(model, kvType, ids.length, rowsPerStep)) {
            runner.run(ids, true, (position, row) -> logits[position] = row.clone());
        }
        return logits;
    }
}
