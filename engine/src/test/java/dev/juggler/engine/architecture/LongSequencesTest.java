package dev.juggler.engine.architecture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Prompts of thousands of tokens through tiny models, and positions far out. */
class LongSequencesTest {
    private static final int[] CHECKED = {511, 4095, 4096, 9999, 16_383};
    private static final int CHUNK = 512;

    /** The first model of a family that is small and has what is asked for. */
    private static RandomModel small(String family, int layers, Predicate<RandomModel> asked) {
        for (long seed = 0; ; seed++) {
            RandomModel shape = RandomModel.shape(family, seed);
            if (shape.layers == layers
                    && shape.heads == 1
                    && shape.keyWidth <= 16
                    && shape.width <= 40
                    && asked.test(shape)) {
                return new RandomModel(family, seed);
            }
        }
    }

    /** Whether chunks at the beginning are cheaper in the plain form. */
    private static boolean hasTwoForms(RandomModel model) {
        RandomLatent latent = Objects.requireNonNull(model.latent);
        return latent.rank <= 24 && latent.unrotated + model.valueWidth < 2 * latent.rank;
    }

    /** Logits at some positions, computed with so many rows a step. */
    private static float[][] logits(RandomModel model, int[] ids, int[] checked, int rowsPerStep) {
        float[][] logits = new float[checked.length][];
        try (GgufFile file = model.file().parse();
                Devices devices =
                        new Devices(
                                List.of(
                                        new CpuSimdBackendProvider()
                                                .open(BackendOptions.of("cpu"))));
                PlacedModel placed =
                        ModelLoader.builtIn().load(file, WeightDevices.all("cpu"), devices);
                SequenceRunner runner =
                        new SequenceRunner(placed, DType.F32, ids.length, rowsPerStep)) {
            int done = 0;
            for (int i = 0; i < checked.length; i++) {
                int index = i;
                int[] part = Arrays.copyOfRange(ids, done, checked[i] + 1);
                runner.run(part, false, (position, row) -> logits[index] = row.clone());
                done = checked[i] + 1;
            }
        }
        return logits;
    }

    private static void compareChunksWithSteps(RandomModel model) {
        int[] ids = model.ids(CHECKED[CHECKED.length - 1] + 1);
        float[][] chunks = logits(model, ids, CHECKED, CHUNK);
        float[][] steps = logits(model, ids, CHECKED, 1);
        double worst = 0;
        for (int i = 0; i < CHECKED.length; i++) {
            worst = Math.max(worst, GoldenModels.normalizedError(steps[i], chunks[i]));
        }
        System.out.printf(
                "%s: %d tokens in chunks of %d and one by one, worst nmse %.2g at %d positions%n",
                model.family, ids.length, CHUNK, worst, CHECKED.length);
        assertTrue(worst < 1e-9, model.family + ": nmse " + worst);
    }

    @Test
    void chunksEqualSingleSteps() {
        compareChunksWithSteps(small("qwen3moe", 1, model -> true));
    }

    @Test
    void chunksEqualSingleStepsWithWindowsAndSinks() {
        compareChunksWithSteps(small("gpt-oss", 2, model -> model.window > 8));
    }

    @Test
    void chunksEqualSingleStepsWithLatentAttention() {
        compareChunksWithSteps(small("deepseek2", 1, LongSequencesTest::hasTwoForms));
    }

    /**
     * With windows in all layers a token sees no further back than the windows together, and rotary
     * positions are relative: 131,072 tokens end as the last few do by themselves.
     */
    @Test
    void theEndOfALongTextIsThatOfItsLastTokens() {
        for (Predicate<RandomModel> scaling :
                List.<Predicate<RandomModel>>of(
                        model -> model.yarnFactor == 0 && !model.frequencyFactors,
                        model -> model.linearFactor > 1,
                        model -> model.yarnFactor > 0,
                        model -> model.frequencyFactors)) {
            RandomModel model = small("llama", 2, scaling.and(m -> m.window > 4));
            int[] ids = model.ids(131_072);
            int seen = model.layers * (model.window - 1) + 1;
            int[] last = Arrays.copyOfRange(ids, ids.length - seen, ids.length);
            float[][] far = logits(model, ids, new int[] {ids.length - 1}, CHUNK);
            float[][] near = logits(model, last, new int[] {seen - 1}, CHUNK);
            double error = GoldenModels.normalizedError(near[0], far[0]);
            System.out.printf(
                    "position %d and position %d: nmse %.2g%n", ids.length - 1, seen - 1, error);
            assertTrue(error < 1e-10, "nmse " + error);
        }
    }
}
