package dev.juggler.inference;

import java.util.List;
import java.util.Map;

/** What a generation continues. */
public sealed interface Prompt {
    /**
     * A conversation, put into the model's own chat template. The answer is parsed for reasoning
     * and tool calls.
     *
     * @param variables further template variables, e.g. {@code enable_thinking}
     */
    record Chat(List<Message> messages, List<Tool> tools, Map<String, Object> variables)
            implements Prompt {
        public Chat {
            messages = List.copyOf(messages);
            tools = List.copyOf(tools);
            variables = Map.copyOf(variables);
        }
    }

    /**
     * Text as it is, without a template. The tokenizer adds BOS where the model asks for it.
     *
     * @param parseSpecial whether special tokens written in the text are recognised
     */
    record Text(String text, boolean parseSpecial) implements Prompt {}

    /** Token ids as they are; nothing is added. */
    record Tokens(List<Integer> ids) implements Prompt {
        public Tokens {
            ids = List.copyOf(ids);
        }
    }
}
