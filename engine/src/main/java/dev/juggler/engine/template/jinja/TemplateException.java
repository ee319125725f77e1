package dev.juggler.engine.template.jinja;

/** A template cannot be read, cannot be rendered with these variables, or rejects them. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Whose fault it is. */
    public enum Kind {
        /** The template is not well formed, or uses what is not supported. */
        SYNTAX,
        /** An expression failed: undefined variable, wrong type, unknown filter. */
        EVALUATION,
        /**
         * The template called {@code raise_exception}: it does not accept this conversation. The
         * message is the template's own.
         */
        REJECTED,
        /** It ran too long, nested too deeply or made too much text. */
        LIMIT
    }

    private final Kind kind;
    private final String problem;
    private final int line;

    TemplateException(Kind kind, String problem, int line) {
        super(
                kind == Kind.REJECTED || line == 0
                        ? problem
                        : "chat template, line " + line + ": " + problem);
        this.kind = kind;
        this.problem = problem;
        this.line = line;
    }

    static TemplateException syntax(int line, String problem) {
        return new TemplateException(Kind.SYNTAX, problem, line);
    }

    /** A failure whose line is added by the statement that it happens in. */
    static TemplateException evaluation(String problem) {
        return new TemplateException(Kind.EVALUATION, problem, 0);
    }

    static TemplateException limit(String problem) {
        return new TemplateException(Kind.LIMIT, problem, 0);
    }

    /** The same failure with its line, unless it is known already. */
    TemplateException at(int failingLine) {
        if (line != 0) {
            return this;
        }
        TemplateException located = new TemplateException(kind, problem, failingLine);
        located.setStackTrace(getStackTrace());
        return located;
    }

    public Kind kind() {
        return kind;
    }

    /** Line of the template, from 1; 0 if it is not known. */
    public int line() {
        return line;
    }
}
