package dev.juggler.engine.tokenizer;

/** What a token of a vocabulary is, numbered as in {@code tokenizer.ggml.token_type}. */
public enum TokenType {
    /** Not said. */
    UNDEFINED(0),
    /** A piece of text. */
    NORMAL(1),
    /** Stands for text that the vocabulary cannot express. */
    UNKNOWN(2),
    /** Structure, not text: begin, end, role markers. Only recognised in trusted text. */
    CONTROL(3),
    /** A literal text that is always one token. */
    USER_DEFINED(4),
    /** Never produced: padding of the table. */
    UNUSED(5),
    /** One byte, written {@code <0x41>}. */
    BYTE(6);

    private final int number;

    TokenType(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    /** The type of a number in the file; unknown numbers are {@link #UNDEFINED}. */
    static TokenType of(int number) {
        return switch (number) {
            case 1 -> NORMAL;
            case 2 -> UNKNOWN;
            case 3 -> CONTROL;
            case 4 -> USER_DEFINED;
            case 5 -> UNUSED;
            case 6 -> BYTE;
            default -> UNDEFINED;
        };
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
