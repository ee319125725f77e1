package dev.juggler.openai;

import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.Message;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Tool;
import dev.juggler.inference.ToolCall;
import dev.juggler.protocol.json.Json;
import dev.juggler.protocol.json.JsonFields;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads the body of a chat completion. What would change the answer and is not done is refused. */
final class ChatReader {
    private ChatReader() {}

    static GenerationRequest read(JsonFields body, Options options, Inference inference) {
        refuseUnsupported(body);
        List<Message> messages = messages(body);
        List<Tool> tools = tools(body);
        if (!tools.isEmpty()) {
            ModelCard card = inference.model(options.model());
            if (!card.capabilities().contains("tools")) {
                throw body.error(
                        "tools",
                        "cannot be given to the model '%s': its chat template has no place for them"
                                .formatted(card.name()));
            }
        }
        Prompt prompt = new Prompt.Chat(messages, tools, variables(body));
        return options.request(prompt, maxTokens(body), topLogprobs(body));
    }

    private static void refuseUnsupported(JsonFields body) {
        JsonFields format = body.object("response_format");
        if (format != null && !"text".equals(format.requiredText("type"))) {
            throw format.error(
                    "type",
                    "is '%s', which is not supported yet; only 'text' is"
                            .formatted(format.text("type")));
        }
        for (String old : List.of("functions", "function_call")) {
            if (body.has(old)) {
                throw body.error(old, "is not supported; use tools and tool_choice");
            }
        }
        for (String modality : body.texts("modalities")) {
            if (!modality.equals("text")) {
                throw body.error("modalities", "holds '" + modality + "'; only text is supported");
            }
        }
        if (body.has("audio")) {
            throw body.error("audio", "is not supported; only text is");
        }
    }

    private static @Nullable Integer maxTokens(JsonFields body) {
        Integer recent = body.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
        Integer old = body.integer("max_tokens", 1, Integer.MAX_VALUE);
        return recent != null ? recent : old;
    }

    private static @Nullable Integer topLogprobs(JsonFields body) {
        Integer top = body.integer("top_logprobs", 0, 20);
        if (body.flag("logprobs", false)) {
            return top == null ? 0 : top;
        }
        if (top != null && top > 0) {
            throw body.error("top_logprobs", "needs 'logprobs' to be true");
        }
        return null;
    }

    /** Template variables: all of chat_template_kwargs, and reasoning_effort under its own name. */
    private static Map<String, Object> variables(JsonFields body) {
        Map<String, Object> variables = new LinkedHashMap<>();
        String effort = body.text("reasoning_effort");
        if (effort != null) {
            variables.put("reasoning_effort", effort);
        }
        JsonFields given = body.object("chat_template_kwargs");
        if (given != null) {
            given.members()
                    .forEach((name, value) -> {
                        if (value != null) {
                            variables.put(name, value);
                        }
                    });
        }
        return variables;
    }

    private static List<Tool> tools(JsonFields body) {
        List<Tool> tools = new ArrayList<>();
        for (JsonFields tool : body.objects("tools")) {
            if (!"function".equals(tool.requiredText("type"))) {
                throw tool.error("type", "is '" + tool.text("type") + "', it must be 'function'");
            }
            JsonFields function = tool.object("function");
            if (function == null) {
                throw tool.missing("function");
            }
            function.requiredText("name");
            function.object("parameters");
            tools.add(new Tool(tool.members()));
        }
        return toolsWanted(body) ? tools : List.of();
    }

    private static boolean toolsWanted(JsonFields body) {
        JsonNode choice = body.node("tool_choice");
        if (choice == null) {
            return true;
        }
        String word = choice.isString() ? choice.stringValue() : "";
        return switch (word) {
            case "auto" -> true;
            case "none" -> false;
            default ->
                    throw body.error(
                            "tool_choice",
                            "is %s; a call cannot be forced yet, only 'auto' and 'none' are supported"
                                    .formatted(Json.text(choice)));
        };
    }

    private static List<Message> messages(JsonFields body) {
        List<Message> messages = new ArrayList<>();
        for (JsonFields message : body.objects("messages")) {
            messages.add(message(message));
        }
        if (messages.isEmpty()) {
            throw body.error("messages", "is missing or empty; it must hold at least one message");
        }
        return messages;
    }

    private static Message message(JsonFields message) {
        String role = message.requiredText("role");
        String content = content(message);
        String reasoning = message.text("reasoning_content");
        List<ToolCall> calls = toolCalls(message);
        boolean answered = role.equals("assistant") && (!calls.isEmpty() || reasoning != null);
        if (content == null && !answered) {
            throw message.missing("content");
        }
        return new Message(
                // Newer clients call the system's messages so; templates know the older word.
                role.equals("developer") ? "system" : role,
                content,
                reasoning,
                calls,
                message.text("tool_call_id"),
                message.text("name"));
    }

    /** A text, or parts of text, which become its lines. */
    private static @Nullable String content(JsonFields message) {
        JsonNode content = message.node("content");
        if (content == null) {
            return null;
        }
        if (content.isString()) {
            return content.stringValue();
        }
        if (!content.isArray()) {
            throw message.wrongType("content", "a string or a list of parts", content);
        }
        List<String> texts = new ArrayList<>();
        for (JsonFields part : message.objects("content")) {
            String type = part.requiredText("type");
            switch (type) {
                case "text" -> texts.add(part.requiredText("text"));
                case "refusal" -> texts.add(part.requiredText("refusal"));
                default ->
                        throw part.error(
                                "type",
                                "is '%s', which is not supported; only text is".formatted(type));
            }
        }
        return String.join("\n", texts);
    }

    private static List<ToolCall> toolCalls(JsonFields message) {
        List<ToolCall> calls = new ArrayList<>();
        for (JsonFields call : message.objects("tool_calls")) {
            JsonFields function = call.object("function");
            if (function == null) {
                throw call.missing("function");
            }
            String id = call.text("id");
            calls.add(
                    new ToolCall(
                            id == null ? "call_" + calls.size() : id,
                            function.requiredText("name"),
                            arguments(function)));
        }
        return calls;
    }

    private static Map<String, Object> arguments(JsonFields function) {
        String text = function.text("arguments");
        return text == null || text.isBlank()
                ? Map.of()
                : Json.members(text, function.path("arguments"));
    }
}
