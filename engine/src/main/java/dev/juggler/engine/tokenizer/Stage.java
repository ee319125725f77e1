package dev.juggler.engine.tokenizer;

/** One cut through a piece of text; the next stage cuts each of the pieces again. */
@FunctionalInterface
interface Stage {
    /** Adds the ends of the pieces of {@code [start, limit)}, ascending, the last is the limit. */
    void split(int[] text, int start, int limit, IntList ends);

    /** Each match of the rule becomes a piece, and so does what lies between two matches. */
    static Stage isolate(Rule rule) {
        return (text, start, limit, ends) -> {
            int piece = start;
            int at = start;
            while (at < limit) {
                int end = rule.end(text, at, limit);
                if (end == at) {
                    at++;
                    continue;
                }
                if (piece < at) {
                    ends.add(at);
                }
                ends.add(end);
                piece = end;
                at = end;
            }
            if (piece < limit) {
                ends.add(limit);
            }
        };
    }

    /** {@code \s+$}: white space at the end becomes a piece. */
    static Stage isolateTrailingSpace() {
        return (text, start, limit, ends) -> {
            int end = limit;
            while (end > start && CharacterClass.SPACE.contains(text[end - 1])) {
                end--;
            }
            if (end > start) {
                ends.add(end);
            }
            if (end < limit) {
                ends.add(limit);
            }
        };
    }
}
