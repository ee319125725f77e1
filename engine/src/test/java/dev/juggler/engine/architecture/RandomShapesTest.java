package dev.juggler.engine.architecture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/**
 * Models of random shapes, of every family that there is, against {@link StraightLineModel}: whole
 * and in chunks of random length, on the reference and on the backend that users run on.
 */
class RandomShapesTest {
    private static final int SHAPES = 40;
    private static final int TOKENS = 40;

    @Test
    void everyFamily() {
        SplittableRandom seeds = new SplittableRandom(TestSeed.of("random shapes"));
        try (Devices devices =
                new Devices(
                        List.of(
                                new ReferenceBackend(),
                                new CpuSimdBackendProvider().open(BackendOptions.of("cpu"))))) {
            for (String family : Architectures.builtIn().names().stream().sorted().toList()) {
                List<RandomModel> models = new ArrayList<>();
                double worst = 0;
                for (int i = 0; i < SHAPES; i++) {
                    long own = seeds.nextLong();
                    RandomModel model = new RandomModel(family, own);
                    double error = error(model, devices);
                    assertTrue(error < 1e-9, "%s, seed %d: nmse %s".formatted(family, own, error));
                    worst = Math.max(worst, error);
                    models.add(model);
                }
                System.out.printf(
                        "%s: %d random shapes (%d with experts, %d with windows, %d YaRN, %d linear, %d partly rotated, %d tied), worst nmse %.2g%n",
                        family,
                        SHAPES,
                        count(models, model -> model.experts > 0),
                        count(models, model -> model.window > 0),
                        count(models, model -> model.yarnFactor > 0),
                        count(models, model -> model.linearFactor > 1),
                        count(models, model -> model.rotated < model.keyWidth),
                        count(models, model -> model.tied),
                        worst);
            }
        }
    }

    private static long count(List<RandomModel> models, Predicate<RandomModel> has) {
        return models.stream().filter(has).count();
    }

    private static double error(RandomModel model, Devices devices) {
        int[] ids = model.ids(TOKENS);
        double[][] expected = new StraightLineModel(model).logits(ids);
        double worst = 0;
        for (String device : devices.names()) {
            try (GgufFile file = model.file().parse();
                    PlacedModel placed =
                            ModelLoader.builtIn().load(file, WeightDevices.all(device), devices)) {
                int chunk = 1 + model.random.nextInt(TOKENS);
                float[][] actual = GoldenModels.logits(placed, DType.F32, ids, chunk);
                worst = Math.max(worst, GoldenModels.normalizedError(expected, actual));
            }
        }
        return worst;
    }
}
