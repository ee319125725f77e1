package dev.juggler.engine.tokenizer;

/** What a token of a vocabulary is, numbered as in {@code tokenizer.ggml.token_type}. */
public enum TokenType {
    /** Not said. */
    UNDEFINED,
    /** A piece of text. */
    NORMAL,
    /** Stands for text that the vocabulary cannot express. */
    UNKNOWN,
    /** Structure, not text: begin, end, role markers. Only recognised in trusted text. */
    CONTROL,
    /** A literal text that is always one token. */
    USER_DEFINED,
    /** Never produced: padding of the table. */
    UNUSED,
    /** One byte, written {@code <0x41>}. */
    BYTE;

    private static final TokenType[] BY_NUMBER = values();

    /** The type of a number in the file; unknown numbers are {@link #UNDEFINED}. */
    static TokenType of(int number) {
        return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : UNDEFINED;
    }

    /** Whether its text is no part of what a model says: left out when decoding. */
    boolean isHidden() {
        return this == CONTROL || this == UNKNOWN || this == UNUSED;
    }

    /** Whether it is matched as a literal text, before the words are cut. */
    boolean isLiteral() {
        return this == CONTROL || this == UNKNOWN || this == USER_DEFINED;
    }
}
