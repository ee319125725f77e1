package dev.juggler.engine.profile;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.engine.placement.RoutingProfile;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The recorder hears of every choice and changes no logit. */
class RoutingRecorderTest {
    private static final int[] IDS = {7, 3, 250, 18, 99, 41, 5, 5, 190, 77};

    private record Heard(int layer, int experts, int rows, List<Integer> chosen) {}

    @Test
    void everyChoiceIsHeardAndNothingIsChanged() {
        int cases = 0;
        // a leading dense layer in the second; experts with biases in the third
        for (String name : List.of("qwen3moe.F32", "glm4moe.F32", "gpt-oss.F32")) {
            try (GgufFile file = GoldenModels.open(name);
                    Devices devices = new Devices(List.of(new ReferenceBackend()));
                    PlacedModel model =
                            ModelLoader.builtIn()
                                    .load(file, WeightDevices.all("reference"), devices)) {
                TreeSet<Integer> layers = new TreeSet<>();
                model.description().weights().stream()
                        .filter(weight -> weight.experts() > 0)
                        .forEach(weight -> layers.add(weight.layer()));
                List<Heard> heard = new ArrayList<>();
                RoutingProfile profile = new RoutingProfile();
                RoutingRecorder recorder =
                        new RoutingRecorder(
                                model.kernels(),
                                List.copyOf(layers),
                                (layer, experts, rows, chosen) -> {
                                    List<Integer> ids = new ArrayList<>();
                                    for (int id : chosen) {
                                        ids.add(id);
                                    }
                                    heard.add(new Heard(layer, experts, rows, ids));
                                    profile.add(layer, experts, rows, chosen);
                                });
                float[][] expected = GoldenModels.logits(model, DType.F32, IDS, 4);
                float[][] logits = new float[IDS.length][];
                try (SequenceRunner runner =
                        new SequenceRunner(model, DType.F32, IDS.length, 4, 4, recorder)) {
                    runner.run(IDS, true, (position, row) -> logits[position] = row.clone());
                }
                for (int row = 0; row < IDS.length; row++) {
                    assertArrayEquals(expected[row], logits[row], name + ", row " + row);
                }
                int used = model.description().expertsUsed();
                assertEquals(3 * layers.size(), heard.size(), "steps of 4, 4 and 2 rows");
                for (int i = 0; i < heard.size(); i++) {
                    Heard step = heard.get(i);
                    assertEquals(List.copyOf(layers).get(i % layers.size()), step.layer);
                    assertEquals(i < 2 * layers.size() ? 4 : 2, step.rows);
                    assertEquals(step.rows * used, step.chosen.size());
                    for (int row = 0; row < step.rows; row++) {
                        List<Integer> ids = step.chosen.subList(row * used, (row + 1) * used);
                        assertEquals(used, ids.stream().distinct().count(), "an expert twice");
                    }
                }
                for (int layer : layers) {
                    double all = 0;
                    int experts = heard.getFirst().experts;
                    for (int expert = 0; expert < experts; expert++) {
                        all += profile.share(layer, expert);
                    }
                    assertEquals(used, all, 1e-9, "shares of a layer");
                }
                cases++;
            }
        }
        System.out.printf("routing recorded: %d models, logits unchanged%n", cases);
    }
}
