package dev.juggler.engine.tokenizer;

/**
 * One alternative of a pre-tokenizer's regular expression, written as a scanner: it looks at most a
 * constant number of times at what it consumes, so no input makes it slow, and it does not recurse.
 */
@FunctionalInterface
interface Rule {
    /**
     * Tries to match at {@code start}.
     *
     * @param limit the end of the text; what lies behind it does not exist
     * @return the end of the match; {@code start} if there is none
     */
    int end(int[] text, int start, int limit);
}
