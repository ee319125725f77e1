package dev.juggler.engine.template;

import dev.juggler.engine.template.jinja.TemplateException;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Tool;
import dev.juggler.inference.ToolCall;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Makes the text that a model continues of a conversation. Immutable; safe for many threads. */
public final class ChatPrompt {
    private final ChatTemplate template;
    private final String beginToken;
    private final String endToken;
    private final Clock clock;

    /**
     * @param beginToken text of the token that begins a sequence; empty if there is none
     * @param endToken text of the token that ends one; empty if there is none
     * @param clock what the template's {@code strftime_now} tells
     */
    public ChatPrompt(ChatTemplate template, String beginToken, String endToken, Clock clock) {
        this.template = template;
        this.beginToken = beginToken;
        this.endToken = endToken;
        this.clock = clock;
    }

    /**
     * Picks the template of a model.
     *
     * @param configured a template from the configuration, or null: it is preferred
     * @param own the model's own template, or null
     * @param chatMlTokens whether the vocabulary has {@code <|im_start|>} and {@code <|im_end|>} as
     *     special tokens: then ChatML stands in where there is no template
     * @param model its name, for messages
     * @throws TemplateException if the template is not well formed
     * @throws InferenceException of kind INVALID_REQUEST if there is none; it names the remedy
     */
    public static ChatTemplate choose(
            @Nullable String configured, @Nullable String own, boolean chatMlTokens, String model) {
        if (configured != null) {
            return ChatTemplate.parse(configured);
        }
        if (own != null && !own.isBlank()) {
            return ChatTemplate.parse(own);
        }
        if (chatMlTokens) {
            return ChatTemplate.parse(StandardTemplates.CHATML);
        }
        throw new InferenceException(
                InferenceException.Kind.INVALID_REQUEST,
                ("model %s has no chat template, so it cannot hold a conversation: send a plain"
                                + " prompt, or set chat-template in its configuration")
                        .formatted(model));
    }

    public ChatTemplate template() {
        return template;
    }

    /**
     * The text that the model continues.
     *
     * @throws InferenceException of kind INVALID_REQUEST if the template rejects the conversation
     *     or cannot render it
     */
    public String render(Prompt.Chat chat) {
        try {
            return template.render(variables(chat));
        } catch (TemplateException e) {
            String message =
                    e.kind() == TemplateException.Kind.REJECTED
                            ? e.getMessage()
                            : "the conversation does not suit the model's template: "
                                    + e.getMessage();
            throw new InferenceException(
                    InferenceException.Kind.INVALID_REQUEST,
                    message == null ? "the template rejects the conversation" : message,
                    "messages");
        } catch (IllegalArgumentException e) {
            throw new InferenceException(
                    InferenceException.Kind.INVALID_REQUEST,
                    "the template's variables: " + e.getMessage(),
                    "chat_template_kwargs");
        }
    }

    private Map<String, @Nullable Object> variables(Prompt.Chat chat) {
        Map<String, @Nullable Object> variables =
                new HashMap<>(standard(beginToken, endToken, clock));
        List<Map<String, Object>> messages = new ArrayList<>();
        for (Message message : chat.messages()) {
            messages.add(message(message));
        }
        variables.put("messages", messages);
        if (!chat.tools().isEmpty()) {
            variables.put("tools", chat.tools().stream().map(Tool::definition).toList());
        }
        variables.put("add_generation_prompt", true);
        variables.putAll(chat.variables());
        return variables;
    }

    /** What every template finds, conversation or not; {@code tools} and the like are none. */
    static Map<String, @Nullable Object> standard(String beginToken, String endToken, Clock clock) {
        Map<String, @Nullable Object> variables = new HashMap<>();
        variables.put("bos_token", beginToken);
        variables.put("eos_token", endToken);
        variables.put("tools", null);
        variables.put("documents", null);
        Function<List<Object>, Object> now =
                arguments ->
                        DateFormat.format(
                                arguments.isEmpty() ? "" : arguments.getFirst().toString(),
                                ZonedDateTime.now(clock));
        variables.put("strftime_now", now);
        return variables;
    }

    /**
     * A message in OpenAI's form. What it lacks is absent, but content is always there and a text:
     * an assistant's call of a tool comes without, and most templates fail or print None then.
     */
    private static Map<String, Object> message(Message message) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("role", message.role());
        map.put("content", message.content() == null ? "" : message.content());
        if (message.reasoning() != null) {
            map.put("reasoning_content", message.reasoning());
        }
        if (!message.toolCalls().isEmpty()) {
            map.put("tool_calls", message.toolCalls().stream().map(ChatPrompt::call).toList());
        }
        if (message.toolCallId() != null) {
            map.put("tool_call_id", message.toolCallId());
        }
        if (message.name() != null) {
            map.put("name", message.name());
        }
        return map;
    }

    private static Map<String, Object> call(ToolCall call) {
        Map<String, Object> function = new LinkedHashMap<>();
        function.put("name", call.name());
        function.put("arguments", call.arguments());
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("id", call.id());
        map.put("type", "function");
        map.put("function", function);
        return map;
    }
}
