package dev.juggler.engine.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Text to token ids and back for one vocabulary. Any string can be encoded, in time proportional to
 * its length (times its logarithm at worst); surrogates that stand alone count as U+FFFD. Immutable
 * and safe for many threads.
 */
public final class Tokenizer {
    private final Vocabulary vocabulary;
    private final TokenModel model;
    private final SpecialTokens specials;
    private final @Nullable Integer bos;
    private final @Nullable Integer eos;
    private final boolean addsBos;
    private final boolean addsEos;
    private final Set<Integer> endOfGeneration;

    /**
     * A tokenizer for a vocabulary.
     *
     * @param merges what {@code gpt2} vocabularies encode with, best first: two texts with a space
     *     between; empty for the others. Kept until the first text is encoded, then released.
     * @throws TokenizerException if the vocabulary is of a kind that is not supported
     */
    public Tokenizer(Vocabulary vocabulary, List<String> merges) {
        this.vocabulary = vocabulary;
        this.model =
                switch (vocabulary.model()) {
                    case "gpt2" -> new ByteLevelModel(vocabulary, merges);
                    case "llama" -> new SentencePieceModel(vocabulary);
                    default ->
                            throw new TokenizerException(
                                    "tokenizer.ggml.model is \"%s\"; supported are gpt2 (byte-level BPE) and llama (SentencePiece BPE)"
                                            .formatted(vocabulary.model()));
                };
        this.specials = new SpecialTokens(vocabulary);
        boolean sentencePiece = model instanceof SentencePieceModel;
        this.bos = idOrDefault("bos", sentencePiece ? 1 : -1);
        this.eos = idOrDefault("eos", sentencePiece ? 2 : -1);
        this.addsBos = adds("add_bos_token", model.addsBosByDefault(), bos, "bos");
        this.addsEos = adds("add_eos_token", false, eos, "eos");
        this.endOfGeneration = EndOfGeneration.of(vocabulary, specials, eos);
    }

    private @Nullable Integer idOrDefault(String role, int fallback) {
        Integer id = vocabulary.id(role);
        boolean exists = fallback >= 0 && fallback < vocabulary.size();
        return id != null || !exists ? id : Integer.valueOf(fallback);
    }

    private boolean adds(String flag, boolean fallback, @Nullable Integer id, String role) {
        boolean wanted = vocabulary.flag(flag, fallback);
        if (wanted && id == null && vocabulary.hasFlag(flag)) {
            throw new TokenizerException(
                    "tokenizer.ggml.%s is true, but tokenizer.ggml.%s_token_id is missing"
                            .formatted(flag, role));
        }
        return wanted && id != null;
    }

    /**
     * The ids of a text, without BOS and EOS.
     *
     * @param parseSpecial whether control tokens spelled in the text are recognised: for rendered
     *     templates, never for what a user wrote. User-defined tokens always are.
     */
    public int[] encode(String text, boolean parseSpecial) {
        IntList ids = new IntList(text.length() / 3);
        encode(text, parseSpecial, ids);
        return ids.toArray();
    }

    /**
     * The ids of a whole prompt: with BOS before and EOS after where the model wants them. A BOS
     * that the text spells itself is not doubled.
     */
    public int[] encodeWithBos(String text, boolean parseSpecial) {
        IntList ids = new IntList(text.length() / 3);
        Integer first = bos;
        if (addsBos && first != null) {
            ids.add(first);
        }
        encode(text, parseSpecial, ids);
        Integer last = eos;
        if (addsEos && last != null) {
            ids.add(last);
        }
        int[] all = ids.toArray();
        boolean doubled = addsBos && all.length > 1 && all[1] == all[0];
        return doubled ? Arrays.copyOfRange(all, 1, all.length) : all;
    }

    private void encode(String text, boolean parseSpecial, IntList ids) {
        specials.split(
                text,
                parseSpecial,
                new SpecialTokens.Parts() {
                    private boolean afterBorder = true;

                    @Override
                    public void text(int start, int end) {
                        model.encode(text.substring(start, end), afterBorder, ids);
                        afterBorder = false;
                    }

                    @Override
                    public void token(int id) {
                        ids.add(id);
                        afterBorder = true;
                    }
                });
    }

    /**
     * The text of a whole sequence from its beginning; control tokens are left out. Bytes that are
     * no UTF-8 become U+FFFD.
     */
    public String decode(int... ids) {
        StreamingDecoder decoder = decoder();
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(decoder.accept(id));
        }
        return text.append(decoder.finish()).toString();
    }

    /** The bytes of ids one after the other, control tokens spelled out, nothing stripped. */
    public byte[] allBytes(int... ids) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            bytes.writeBytes(bytes(id));
        }
        return bytes.toByteArray();
    }

    /** A decoder for a sequence from its beginning. */
    public StreamingDecoder decoder() {
        return new StreamingDecoder(this, model.prefixesSpace());
    }

    /** A decoder for what continues a sequence: what a model answers to a prompt. */
    public StreamingDecoder continuationDecoder() {
        return new StreamingDecoder(this, false);
    }

    /**
     * The bytes of a token: of ordinary tokens the text that they stand for, of control tokens
     * their spelling.
     *
     * @throws IllegalArgumentException if there is no such token
     */
    public byte[] bytes(int id) {
        String spelled = vocabulary.token(id);
        TokenType type = vocabulary.type(id);
        return type.isLiteral() || type == TokenType.UNUSED
                ? spelled.getBytes(StandardCharsets.UTF_8)
                : model.bytes(id);
    }

    /** {@link #bytes} for people: bytes that are no whole character become U+FFFD. */
    public String piece(int id) {
        return new String(bytes(id), StandardCharsets.UTF_8);
    }

    /** What a token is. */
    public TokenType type(int id) {
        vocabulary.token(id);
        return vocabulary.type(id);
    }

    /** Whether a token is structure and no text. */
    public boolean isControl(int id) {
        return type(id) == TokenType.CONTROL;
    }

    /** The control or user-defined token of exactly this text, or null. */
    public @Nullable Integer special(String text) {
        return specials.find(text);
    }

    /** Begins a text, or null. */
    public @Nullable Integer bos() {
        return bos;
    }

    /** Ends a text, or null. */
    public @Nullable Integer eos() {
        return eos;
    }

    /** Whether {@link #encodeWithBos} puts BOS before. */
    public boolean addsBos() {
        return addsBos;
    }

    /** Whether {@link #encodeWithBos} puts EOS after. */
    public boolean addsEos() {
        return addsEos;
    }

    /** The tokens with which the model says that it has finished, ascending; EOS among them. */
    public Set<Integer> endOfGeneration() {
        return endOfGeneration;
    }

    /** Number of tokens; a model's rows of logits may be wider (padding). */
    public int vocabularySize() {
        return vocabulary.size();
    }

    /** What the model file says. */
    public Vocabulary vocabulary() {
        return vocabulary;
    }
}
