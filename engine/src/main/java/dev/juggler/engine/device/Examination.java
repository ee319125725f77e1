package dev.juggler.engine.device;

import dev.juggler.engine.model.ModelProblem;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a file holds as a model, as far as its tables tell.
 *
 * @param description what loading would take from it; with problems, weights that cannot be taken
 *     are missing from it; null where nothing can be told
 * @param problems what keeps it from being loaded, the first first; empty: it can be
 * @param ignored prefixes of the names of tensors that are left out, with the reason
 */
public record Examination(
        @Nullable ModelDescription description,
        List<ModelProblem> problems,
        Map<String, String> ignored) {
    public Examination {
        problems = List.copyOf(problems);
        ignored = new LinkedHashMap<>(ignored);
    }
}
