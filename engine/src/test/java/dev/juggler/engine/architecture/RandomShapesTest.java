package dev.juggler.engine.architecture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Models of random shapes against {@link StraightLineModel}. */
class RandomShapesTest {
    private static final int SHAPES = 12;

    @Test
    void everyFamily() {
        for (String family : Architectures.builtIn().names().stream().sorted().toList()) {
            double worst = 0;
            for (int seed = 0; seed < SHAPES; seed++) {
                worst = Math.max(worst, error(new RandomModel(family, seed)));
            }
            System.out.printf("%s: %d random shapes, worst nmse %.2g%n", family, SHAPES, worst);
            assertTrue(worst < 1e-9, family + ": nmse " + worst);
        }
    }

    private static double error(RandomModel model) {
        int[] ids = model.ids(40);
        double[][] expected = new StraightLineModel(model).logits(ids);
        try (GgufFile file = model.file().parse();
                Devices devices = new Devices(List.of(new ReferenceBackend()));
                PlacedModel placed =
                        ModelLoader.builtIn().load(file, WeightDevices.all("reference"), devices)) {
            float[][] actual =
                    GoldenModels.logits(placed, DType.F32, ids, 1 + model.random.nextInt(40));
            double difference = 0;
            double norm = 0;
            for (int row = 0; row < ids.length; row++) {
                for (int i = 0; i < expected[row].length; i++) {
                    difference += Math.pow(expected[row][i] - actual[row][i], 2);
                    norm += Math.pow(expected[row][i], 2);
                }
            }
            return difference / norm;
        }
    }
}
