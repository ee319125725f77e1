package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.tck.GoldenData;
import dev.juggler.tck.GoldenLogits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/**
 * Golden models computed by backends and compared with the stored logits.
 *
 * @param mode for people
 * @param sequence the stored tokens
 * @param rowsPerStep tokens a step
 * @param rounded whether activations are rounded, for which there are other limits
 * @param cache type of keys and values
 */
record GoldenRun(String mode, String sequence, int rowsPerStep, boolean rounded, DType cache) {
    static final String SHORT = "seq16";
    private static final int MOST_FLIPPED = 2;

    /** In F32 throughout, on the short sequence. */
    static GoldenRun exact(String mode, int rowsPerStep) {
        return new GoldenRun(mode, SHORT, rowsPerStep, false, DType.F32);
    }

    /** With activations as users have them, on the short sequence. */
    static GoldenRun rounded(String mode, int rowsPerStep) {
        return new GoldenRun(mode, SHORT, rowsPerStep, true, DType.F32);
    }

    /** All models that are stored. */
    static List<String> models() {
        try (Stream<Path> files = Files.list(GoldenData.require("models"))) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(".gguf"))
                    .map(name -> name.substring(0, name.length() - ".gguf".length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * One file of each architecture, and a mix of types: what depends on where weights are does not
     * depend on the type of each.
     */
    static List<String> architectures() {
        return models().stream()
                .filter(name -> name.endsWith(".F32") || name.endsWith(".Q4_K_M"))
                .toList();
    }

    /** Runs models; fails with all that is wrong. The devices are closed. */
    void run(List<String> models, WeightDevices placement, List<Backend> backends) {
        List<String> problems = new ArrayList<>();
        int cases = 0;
        int flipped = 0;
        int skipped = 0;
        try (Devices devices = new Devices(backends)) {
            for (String name : models) {
                cases++;
                try (GgufFile file = GgufFile.open(GoldenData.require("models/" + name + ".gguf"));
                        PlacedModel model = ModelLoader.builtIn().load(file, placement, devices)) {
                    GoldenLogits golden = GoldenLogits.of(name, sequence);
                    boolean isNative = rounded && golden.has("native");
                    GoldenLogits.Verdict verdict =
                            golden.judge(logits(model, golden.ids()), isNative ? "native" : "f32");
                    problems.addAll(verdict.problems());
                    flipped += verdict.flipped() ? 1 : 0;
                } catch (TestAbortedException e) {
                    skipped++;
                }
            }
        }
        System.out.printf(
                "golden logits on the CUDA kernels' host build, %s: %d cases, %d problems, %d with"
                        + " another expert once, %d skipped%n",
                mode, cases, problems.size(), flipped, skipped);
        assertTrue(problems.isEmpty(), () -> mode + "\n" + String.join("\n", problems));
        assertTrue(flipped <= MOST_FLIPPED, "another expert in %d models".formatted(flipped));
    }

    private float[][] logits(PlacedModel model, int[] ids) {
        float[][] logits = new float[ids.length][];
        try (SequenceRunner runner = new SequenceRunner(model, cache, ids.length, rowsPerStep)) {
            runner.run(ids, true, (position, row) -> logits[position] = row.clone());
        }
        return logits;
    }
}
