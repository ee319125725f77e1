package dev.juggler.ollama;

import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.Message;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.protocol.json.JsonFields;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads the body of generate. What would change the answer and is not done is refused. */
final class GenerateReader {
    private final JsonFields body;
    private final ModelCard card;
    private final Inference inference;

    GenerateReader(JsonFields body, ModelCard card, Inference inference) {
        this.body = body;
        this.card = card;
        this.inference = inference;
    }

    boolean stream() {
        return body.flag("stream", true);
    }

    /** Without a prompt the request only loads or unloads the model. */
    boolean isEmpty() {
        String prompt = body.text("prompt");
        return prompt == null || prompt.isEmpty();
    }

    GenerationRequest request() {
        refuseUnsupported();
        Options options = Options.read(body);
        return new GenerationRequest(
                card.name(),
                prompt(),
                options.sampling(),
                options.maxTokens(),
                options.stop(),
                false,
                Logprobs.wanted(body),
                KeepAlive.read(body));
    }

    private void refuseUnsupported() {
        Refusals.format(body);
        if (!body.list("images").isEmpty()) {
            throw body.error("images", "are not supported; only text is");
        }
        for (String name : List.of("suffix", "template")) {
            String text = body.text(name);
            if (text != null && !text.isEmpty()) {
                throw body.error(
                        name,
                        "is not supported%s"
                                .formatted(
                                        name.equals("template")
                                                ? "; use raw with the whole prompt"
                                                : " yet"));
            }
        }
    }

    private Prompt prompt() {
        String text = body.requiredText("prompt");
        String system = body.text("system");
        List<Integer> context = context();
        if (body.flag("raw", false)) {
            if (system != null || !context.isEmpty()) {
                throw body.error("raw", "goes neither with system nor with context");
            }
            return new Prompt.Text(text, true);
        }
        Prompt prompt = templated(system, text);
        if (context.isEmpty()) {
            return prompt;
        }
        List<Integer> ids = new ArrayList<>(context);
        ids.addAll(inference.tokenize(card.name(), prompt));
        return new Prompt.Tokens(ids);
    }

    private Prompt templated(@Nullable String system, String text) {
        Map<String, Object> variables = Thinking.variables(body, card);
        if (card.chatTemplate() == null) {
            // A base model: Ollama's template for these is the prompt alone.
            return new Prompt.Text(
                    system == null || system.isEmpty() ? text : system + "\n\n" + text, true);
        }
        List<Message> messages = new ArrayList<>();
        if (system != null && !system.isEmpty()) {
            messages.add(Message.of("system", system));
        }
        messages.add(Message.of("user", text));
        return new Prompt.Chat(messages, List.of(), variables);
    }

    /** The ids of an earlier answer, which this one goes on from. */
    private List<Integer> context() {
        List<Integer> ids = new ArrayList<>();
        for (JsonNode node : body.list("context")) {
            if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < 0) {
                throw body.error("context", "must hold token ids alone");
            }
            ids.add(node.intValue());
        }
        return ids;
    }
}
