package dev.juggler.engine.inference;

import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.template.ChatPrompt;
import dev.juggler.engine.template.ChatTemplate;
import dev.juggler.engine.template.jinja.TemplateException;
import dev.juggler.engine.tokenizer.Tokenizer;
import dev.juggler.engine.tokenizer.TokenizerException;
import dev.juggler.engine.tokenizer.Tokenizers;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.Prompt;
import java.time.Clock;
import java.time.ZoneId;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * From a prompt to token ids: a model's tokenizer and chat template, which need no weights.
 * Immutable and safe for many threads.
 */
final class PromptEncoder {
    private final String model;
    private final Tokenizer tokenizer;
    private final Supplier<ChatPrompt> chat;

    private PromptEncoder(String model, Tokenizer tokenizer, Supplier<ChatPrompt> chat) {
        this.model = model;
        this.tokenizer = tokenizer;
        this.chat = chat;
    }

    /**
     * Reads tokenizer and template from a model's file.
     *
     * @throws InferenceException of kind UNAVAILABLE if the file or its tokenizer is unusable
     */
    static PromptEncoder open(ModelSettings settings) {
        try (GgufFile file = GgufFile.open(settings.path())) {
            return of(settings, file);
        } catch (GgufException | TokenizerException | ModelException e) {
            throw new InferenceException(
                    Kind.UNAVAILABLE,
                    "model %s cannot be used: %s".formatted(settings.name(), e.getMessage()),
                    e);
        }
    }

    private static PromptEncoder of(ModelSettings settings, GgufFile file) {
        try {
            Tokenizer tokenizer = Tokenizers.load(file.metadata());
            @Nullable String own = file.metadata().stringOrNull("tokenizer.chat_template");
            return new PromptEncoder(
                    settings.name(), tokenizer, chatPrompt(settings, tokenizer, own));
        } catch (GgufException | TokenizerException e) {
            ModelLoader.builtIn().describe(file); // what is no model at all is refused as that
            throw e;
        }
    }

    /** A model without a template is no error before somebody wants to talk to it. */
    private static Supplier<ChatPrompt> chatPrompt(
            ModelSettings settings, Tokenizer tokenizer, @Nullable String own) {
        try {
            ChatPrompt prompt =
                    new ChatPrompt(
                            template(settings, tokenizer, own),
                            piece(tokenizer, tokenizer.bos()),
                            piece(tokenizer, tokenizer.eos()),
                            Clock.system(ZoneId.systemDefault()));
            return () -> prompt;
        } catch (InferenceException none) {
            return () -> {
                throw new InferenceException(none.kind(), String.valueOf(none.getMessage()), none);
            };
        } catch (TemplateException broken) {
            return () -> {
                throw new InferenceException(
                        Kind.UNAVAILABLE,
                        "the chat template of model %s cannot be read: %s; set chat-template"
                                .formatted(settings.name(), broken.getMessage()),
                        broken);
            };
        }
    }

    /**
     * The template of a model.
     *
     * @throws TemplateException if it cannot be read
     * @throws InferenceException if there is none
     */
    static ChatTemplate template(
            ModelSettings settings, Tokenizer tokenizer, @Nullable String own) {
        boolean chatMl =
                tokenizer.special("<|im_start|>") != null
                        && tokenizer.special("<|im_end|>") != null;
        return ChatPrompt.choose(settings.chatTemplate(), own, chatMl, settings.name());
    }

    /**
     * Checks that a model has a row of embeddings for each token; it may have more.
     *
     * @throws TokenizerException if it has not
     */
    static void requireFit(Tokenizer tokenizer, int embeddings) {
        if (tokenizer.vocabularySize() > embeddings) {
            throw new TokenizerException(
                    "the vocabulary (tokenizer.ggml.tokens) has %d tokens, but token_embd.weight has %d rows"
                            .formatted(tokenizer.vocabularySize(), embeddings));
        }
    }

    private static String piece(Tokenizer tokenizer, @Nullable Integer id) {
        return id == null ? "" : tokenizer.piece(id);
    }

    /** The tokenizer. */
    Tokenizer tokenizer() {
        return tokenizer;
    }

    /** A prompt as the model sees it. */
    static final class Encoded {
        private final int[] ids;
        private final String text;
        private final @Nullable String template;

        private Encoded(int[] ids, String text, @Nullable String template) {
            this.ids = ids;
            this.text = text;
            this.template = template;
        }

        /** Its tokens. */
        int[] ids() {
            return ids;
        }

        /** The text that the model continues; empty where the prompt was given as ids. */
        String text() {
            return text;
        }

        /** Source of the template that made the text, or null. */
        @Nullable String template() {
            return template;
        }
    }

    /**
     * Puts a prompt into the template, where it is a conversation, and tokenizes it.
     *
     * @throws InferenceException if a template is missing or refuses the conversation, or an id is
     *     not in the vocabulary
     */
    Encoded encode(Prompt prompt) {
        return switch (prompt) {
            case Prompt.Chat conversation -> {
                ChatPrompt template = chat.get();
                String text = template.render(conversation);
                yield new Encoded(
                        tokenizer.encodeWithBos(text, true), text, template.template().source());
            }
            case Prompt.Text plain ->
                    new Encoded(
                            tokenizer.encodeWithBos(plain.text(), plain.parseSpecial()),
                            plain.text(),
                            null);
            case Prompt.Tokens tokens -> new Encoded(checked(tokens.ids()), "", null);
        };
    }

    private int[] checked(List<Integer> ids) {
        for (int id : ids) {
            if (id < 0 || id >= tokenizer.vocabularySize()) {
                throw new InferenceException(
                        Kind.INVALID_REQUEST,
                        "token %d is not in the vocabulary of model %s, which has %d tokens"
                                .formatted(id, model, tokenizer.vocabularySize()),
                        "prompt");
            }
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }
}
