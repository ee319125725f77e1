package dev.juggler.engine.model;

import dev.juggler.engine.model.ModelProblem.Kind;
import java.nio.file.Path;
import java.util.List;

/**
 * A file does not hold a model that can be run here: a key or a tensor is missing, has an absurd
 * value, or means something that is not supported. The message names the file, the thing, its value
 * and, where there is one, the remedy.
 */
public final class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Kind kind;
    private final String text;

    /**
     * @param file the file, or the part of a split file, that is to blame
     */
    public ModelException(Kind kind, Path file, String text) {
        this(file, new ModelProblem(kind, text), "");
    }

    public ModelException(Kind kind, Path file, String text, Throwable cause) {
        this(kind, file, text);
        initCause(cause);
    }

    private ModelException(Path file, ModelProblem problem, String more) {
        super(file + ": " + problem.text() + more);
        this.kind = problem.kind();
        this.text = problem.text();
    }

    /**
     * One exception for several problems: it tells the first, and how many there are.
     *
     * @param problems at least one
     */
    public static ModelException of(Path file, List<ModelProblem> problems) {
        int others = problems.size() - 1;
        String more =
                " (and %d more problem%s; juggler models show lists them)"
                        .formatted(others, others == 1 ? "" : "s");
        return new ModelException(file, problems.getFirst(), others == 0 ? "" : more);
    }

    /** What is wrong, without the name of the file. */
    public ModelProblem problem() {
        return new ModelProblem(kind, text);
    }
}
