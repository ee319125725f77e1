package dev.juggler.engine.device;

import dev.juggler.engine.architecture.Architectures;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.experts.RandomEvictions;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.kernel.DType;
import java.util.List;
import java.util.SplittableRandom;

/** Golden models whose experts tests spread over devices, and what they compute on one. */
final class MixtureModels {
    /** Softmax and sigmoid routers, groups, biases, shared experts, dense first layers, sinks. */
    static final List<String> NAMES =
            List.of(
                    "mixtral.F32",
                    "qwen2moe.F32",
                    "qwen3moe.Q4_0",
                    "qwen3moe-wide.F32",
                    "olmoe.F32",
                    "glm4moe.F32",
                    "gpt-oss.F32",
                    "deepseek2-v3-groups.F32");

    private MixtureModels() {}

    /** Logits of all positions, everything on one device. */
    static float[][] onOneDevice(String name, int[] ids, int rowsPerStep) {
        try (GgufFile file = GoldenModels.open(name);
                Devices devices = new Devices(List.of(new NamedBackend("a")));
                PlacedModel model =
                        ModelLoader.builtIn().load(file, WeightDevices.all("a"), devices)) {
            return GoldenModels.logits(model, DType.F32, ids, rowsPerStep);
        }
    }

    /** A loader that also knows the policy {@code random}. */
    static ModelLoader loader(int seed) {
        return new ModelLoader(
                Architectures.builtIn(),
                ExpertCachePolicies.builtIn()
                        .and(List.of(new RandomEvictions(new SplittableRandom(seed)))));
    }
}
