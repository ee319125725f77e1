package dev.juggler.engine.template;

import dev.juggler.engine.template.jinja.JinjaTemplate;
import dev.juggler.engine.template.jinja.TemplateException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A model's chat template, read once. Immutable; many threads may render it at once. */
public final class ChatTemplate {
    private final String source;
    private final JinjaTemplate template;

    private ChatTemplate(String source, JinjaTemplate template) {
        this.source = source;
        this.template = template;
    }

    /**
     * Reads a Jinja template as transformers understands it.
     *
     * @throws TemplateException of kind SYNTAX, with the line, if it is not well formed
     */
    public static ChatTemplate parse(String source) {
        return new ChatTemplate(source, JinjaTemplate.parse(source));
    }

    /** The template as the model's file has it. */
    public String source() {
        return source;
    }

    /**
     * Renders the template with these variables alone; {@link ChatPrompt} makes them of a
     * conversation.
     *
     * @param variables JSON-like values and functions, see {@link JinjaTemplate#render}
     * @throws TemplateException if it fails, or rejects the conversation (kind REJECTED)
     */
    public String render(Map<String, ? extends @Nullable Object> variables) {
        return template.render(variables);
    }
}
