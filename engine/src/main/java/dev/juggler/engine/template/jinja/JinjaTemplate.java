package dev.juggler.engine.template.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A template that has been read. Immutable; many threads may render it at once. */
public final class JinjaTemplate {
    private final List<Statement> statements;

    private JinjaTemplate(List<Statement> statements) {
        this.statements = statements;
    }

    /**
     * Reads a template.
     *
     * @throws TemplateException of kind SYNTAX, with the line, if it is not well formed
     */
    public static JinjaTemplate parse(String source) {
        try {
            return new JinjaTemplate(StatementParser.parse(source));
        } catch (StackOverflowError e) {
            throw TemplateException.syntax(1, "the template is nested too deeply");
        }
    }

    /**
     * Renders the template.
     *
     * @param variables JSON-like values (null, strings, numbers, booleans, lists, maps) and
     *     functions: a {@link java.util.function.Function} from the list of its arguments to such a
     *     value. They are copied; the template cannot change them
     * @throws TemplateException if rendering fails, with the line
     * @throws IllegalArgumentException if a variable is of another type
     */
    public String render(Map<String, ? extends @Nullable Object> variables) {
        Scope globals = new Scope(null);
        Globals.define(globals);
        variables.forEach((name, value) -> globals.set(name, Values.fromJava(value)));
        StringBuilder out = new StringBuilder();
        try {
            new Renderer(new Budget()).render(statements, new Scope(globals), out);
        } catch (StackOverflowError e) {
            // A value that contains itself, or nesting that Budget does not see.
            throw TemplateException.limit("values or calls are nested too deeply");
        }
        return out.toString();
    }
}
