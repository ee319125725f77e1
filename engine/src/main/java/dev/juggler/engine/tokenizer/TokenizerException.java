package dev.juggler.engine.tokenizer;

/** A vocabulary that is broken or of a kind that is not supported. */
public final class TokenizerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TokenizerException(String message) {
        super(message);
    }
}
