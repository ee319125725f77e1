package dev.juggler.engine.architecture;

import dev.juggler.engine.model.Model;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem.Kind;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The model families that are known, by the value of {@code general.architecture}. */
public final class Architectures {
    private final Map<String, Family> byName;

    private Architectures(Map<String, Family> byName) {
        this.byName = new TreeMap<>(byName);
    }

    /** All families of this engine. A new one is added here. */
    public static Architectures builtIn() {
        return new Architectures(
                Map.ofEntries(
                        Map.entry("deepseek2", Deepseek2.FAMILY),
                        Map.entry("glm4moe", Glm4Moe.FAMILY),
                        Map.entry("gpt-oss", GptOss.FAMILY),
                        Map.entry("llama", Llama.FAMILY),
                        Map.entry("olmoe", Olmoe.FAMILY),
                        Map.entry("qwen2", Qwen2.FAMILY),
                        Map.entry("qwen2moe", Qwen2Moe.FAMILY),
                        Map.entry("qwen3", Qwen3.FAMILY),
                        Map.entry("qwen3moe", Qwen3Moe.FAMILY)));
    }

    /** Their names, sorted. */
    public Set<String> names() {
        return Set.copyOf(byName.keySet());
    }

    /** All families by their names, sorted. */
    public Map<String, Family> families() {
        return Collections.unmodifiableMap(byName);
    }

    /**
     * Loads a model.
     *
     * @throws ModelException if its architecture is unknown, or the file asks for something that
     *     the architecture does not do
     */
    public Model load(ModelKeys keys, WeightSource weights) {
        Family family = byName.get(keys.architecture());
        if (family == null) {
            throw new ModelException(
                    Kind.ARCHITECTURE,
                    keys.file(),
                    "general.architecture is \"%s\", which is not supported; known are %s"
                            .formatted(keys.architecture(), String.join(", ", byName.keySet())));
        }
        Model model = family.architecture().load(keys, weights);
        keys.requireAllUnderstood();
        return model;
    }
}
