package dev.juggler.engine.architecture;

import dev.juggler.engine.model.Model;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem.Kind;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The model families that are known, by the value of {@code general.architecture}. */
public final class Architectures {
    private final Map<String, Architecture> byName;

    private Architectures(Map<String, Architecture> byName) {
        this.byName = new TreeMap<>(byName);
    }

    /** All families of this engine. A new one is added here. */
    public static Architectures builtIn() {
        return new Architectures(
                Map.ofEntries(
                        Map.entry("deepseek2", Deepseek2::load),
                        Map.entry("glm4moe", Glm4Moe::load),
                        Map.entry("gpt-oss", GptOss::load),
                        Map.entry("llama", Llama::load),
                        Map.entry("olmoe", Olmoe::load),
                        Map.entry("qwen2", Qwen2::load),
                        Map.entry("qwen2moe", Qwen2Moe::load),
                        Map.entry("qwen3", Qwen3::load),
                        Map.entry("qwen3moe", Qwen3Moe::load)));
    }

    /** Their names, sorted. */
    public Set<String> names() {
        return Set.copyOf(byName.keySet());
    }

    /**
     * Loads a model.
     *
     * @throws ModelException if its architecture is unknown, or the file asks for something that
     *     the architecture does not do
     */
    public Model load(ModelKeys keys, WeightSource weights) {
        Architecture architecture = byName.get(keys.architecture());
        if (architecture == null) {
            throw new ModelException(
                    Kind.ARCHITECTURE,
                    keys.file(),
                    "general.architecture is \"%s\", which is not supported; known are %s"
                            .formatted(keys.architecture(), String.join(", ", byName.keySet())));
        }
        Model model = architecture.load(keys, weights);
        keys.requireAllUnderstood();
        return model;
    }
}
