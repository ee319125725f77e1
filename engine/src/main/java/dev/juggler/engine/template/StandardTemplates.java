package dev.juggler.engine.template;

/** Templates for models whose files have none. */
final class StandardTemplates {
    /** ChatML, for vocabularies that have its tokens. */
    static final String CHATML =
            """
            {%- for message in messages %}
            {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}
            {%- endfor %}
            {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\\n' }}
            {%- endif %}
            """;

    private StandardTemplates() {}
}
