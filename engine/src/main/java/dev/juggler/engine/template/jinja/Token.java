package dev.juggler.engine.template.jinja;

/**
 * A piece of the source.
 *
 * @param text of TEXT and STRING: the decoded text; else as written
 * @param line where it begins, from 1
 */
record Token(Kind kind, String text, int line) {
    enum Kind {
        TEXT,
        OUTPUT_BEGIN,
        OUTPUT_END,
        BLOCK_BEGIN,
        BLOCK_END,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        END
    }

    boolean is(Kind wanted, String wantedText) {
        return kind == wanted && text.equals(wantedText);
    }

    /** As messages show it. */
    String describe() {
        return switch (kind) {
            case TEXT -> "text";
            case OUTPUT_BEGIN -> "'{{'";
            case OUTPUT_END -> "'}}'";
            case BLOCK_BEGIN -> "'{%'";
            case BLOCK_END -> "'%}'";
            case STRING -> "the string '" + text + "'";
            case END -> "the end of the template";
            case NAME, INTEGER, FLOAT, OPERATOR -> "'" + text + "'";
        };
    }
}
