package dev.juggler.ollama;

import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Message;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Tool;
import dev.juggler.inference.ToolCall;
import dev.juggler.protocol.json.JsonFields;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the body of chat. What would change the answer and is not done is refused. */
final class ChatReader {
    private final JsonFields body;
    private final ModelCard card;

    ChatReader(JsonFields body, ModelCard card) {
        this.body = body;
        this.card = card;
    }

    boolean stream() {
        return body.flag("stream", true);
    }

    /** Without messages the request only loads or unloads the model. */
    boolean isEmpty() {
        return body.list("messages").isEmpty();
    }

    GenerationRequest request() {
        Refusals.format(body);
        Options options = Options.read(body);
        Prompt prompt = new Prompt.Chat(messages(), tools(), Thinking.variables(body, card));
        return new GenerationRequest(
                card.name(),
                prompt,
                options.sampling(),
                options.maxTokens(),
                options.stop(),
                false,
                Logprobs.wanted(body),
                KeepAlive.read(body));
    }

    private List<Tool> tools() {
        List<Tool> tools = new ArrayList<>();
        for (JsonFields tool : body.objects("tools")) {
            JsonFields function = tool.object("function");
            if (function == null) {
                throw tool.missing("function");
            }
            function.requiredText("name");
            function.object("parameters");
            tools.add(new Tool(tool.members()));
        }
        if (!tools.isEmpty() && !card.capabilities().contains("tools")) {
            throw body.error(
                    "tools",
                    "cannot be given: the model '%s' does not support tools"
                            .formatted(card.name()));
        }
        return tools;
    }

    private List<Message> messages() {
        List<Message> messages = new ArrayList<>();
        for (JsonFields message : body.objects("messages")) {
            if (!message.list("images").isEmpty()) {
                throw message.error("images", "are not supported; only text is");
            }
            String name = message.text("tool_name");
            messages.add(
                    new Message(
                            message.requiredText("role"),
                            content(message),
                            message.text("thinking"),
                            toolCalls(message, messages.size()),
                            message.text("tool_call_id"),
                            name == null ? message.text("name") : name));
        }
        return messages;
    }

    private static @Nullable String content(JsonFields message) {
        String content = message.text("content");
        if (content == null && !message.has("tool_calls") && !message.has("thinking")) {
            throw message.missing("content");
        }
        return content;
    }

    /** Ollama's calls have had no ids for long: they get some that differ in the conversation. */
    private static List<ToolCall> toolCalls(JsonFields message, int place) {
        List<ToolCall> calls = new ArrayList<>();
        for (JsonFields call : message.objects("tool_calls")) {
            JsonFields function = call.object("function");
            if (function == null) {
                throw call.missing("function");
            }
            String id = call.text("id");
            JsonFields arguments = function.object("arguments");
            calls.add(
                    new ToolCall(
                            id == null ? "call_" + place + "_" + calls.size() : id,
                            function.requiredText("name"),
                            arguments == null ? Map.of() : arguments.members()));
        }
        return calls;
    }
}
