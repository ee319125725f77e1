package dev.juggler.engine.tokenizer;

/** The rules that pre-tokenizers are made of; each names the regular expression it stands for. */
final class Rules {
    private Rules() {}

    /** {@code a|b|...}: the first that matches. */
    static Rule firstOf(Rule... rules) {
        return (text, start, limit) -> {
            for (Rule rule : rules) {
                int end = rule.end(text, start, limit);
                if (end > start) {
                    return end;
                }
            }
            return start;
        };
    }

    /** {@code [c]+}. */
    static Rule many(CharacterClass some) {
        return (text, start, limit) -> skip(some, text, start, limit);
    }

    /** {@code [c]{1,most}}. */
    static Rule upTo(int most, CharacterClass some) {
        return (text, start, limit) -> skip(some, text, start, Math.min(limit, start + most));
    }

    /** {@code [c]{count}}. */
    static Rule exactly(int count, CharacterClass some) {
        return (text, start, limit) -> {
            int end = skip(some, text, start, Math.min(limit, start + count));
            return end == start + count ? end : start;
        };
    }

    /** {@code [c]?rule}. */
    static Rule optional(CharacterClass prefix, Rule rule) {
        return (text, start, limit) -> {
            if (prefix.contains(text[start])) {
                int end = start + 1 < limit ? rule.end(text, start + 1, limit) : start + 1;
                if (end > start + 1) {
                    return end;
                }
            }
            return rule.end(text, start, limit);
        };
    }

    /** {@code [c]rule}. */
    static Rule after(CharacterClass prefix, Rule rule) {
        return (text, start, limit) -> {
            if (start + 1 < limit && prefix.contains(text[start])) {
                int end = rule.end(text, start + 1, limit);
                return end > start + 1 ? end : start;
            }
            return start;
        };
    }

    /** {@code rule[c]*}. */
    static Rule then(Rule rule, CharacterClass tail) {
        return (text, start, limit) -> {
            int end = rule.end(text, start, limit);
            return end > start ? skip(tail, text, end, limit) : start;
        };
    }

    /** {@code rule(tail)?}. */
    static Rule thenMaybe(Rule rule, Rule tail) {
        return (text, start, limit) -> {
            int end = rule.end(text, start, limit);
            return end > start && end < limit ? tail.end(text, end, limit) : end;
        };
    }

    /** {@code 's|'t|'re|'ve|'m|'ll|'d}. */
    static Rule contraction() {
        return (text, start, limit) -> contraction(text, start, limit, false);
    }

    /**
     * {@code (?i:'s|'t|'re|'ve|'m|'ll|'d)}; by Unicode's case folding, so U+017F counts as an s.
     */
    static Rule contractionAnyCase() {
        return (text, start, limit) -> contraction(text, start, limit, true);
    }

    private static int contraction(int[] text, int start, int limit, boolean anyCase) {
        if (text[start] != '\'' || start + 1 >= limit) {
            return start;
        }
        int first = fold(text[start + 1], anyCase);
        if (first == 's' || first == 't' || first == 'm' || first == 'd') {
            return start + 2;
        }
        if (start + 2 >= limit) {
            return start;
        }
        int second = fold(text[start + 2], anyCase);
        boolean known =
                ((first == 'r' || first == 'v') && second == 'e')
                        || (first == 'l' && second == 'l');
        return known ? start + 3 : start;
    }

    private static int fold(int point, boolean anyCase) {
        return anyCase ? Character.toLowerCase(Character.toUpperCase(point)) : point;
    }

    /** {@code \s*[\r\n]+}: through the last line break of a run of white space. */
    static Rule lineBreaks() {
        return (text, start, limit) -> {
            int end = start;
            for (int i = start; i < limit && CharacterClass.SPACE.contains(text[i]); i++) {
                if (CharacterClass.NEWLINE.contains(text[i])) {
                    end = i + 1;
                }
            }
            return end;
        };
    }

    /**
     * {@code \s+(?!\S)|\s+}: a run of white space, less its last character if a word follows, for
     * that belongs to the word.
     */
    static Rule spaces() {
        return (text, start, limit) -> {
            int end = skip(CharacterClass.SPACE, text, start, limit);
            return end < limit && end - start > 1 ? end - 1 : end;
        };
    }

    /**
     * {@code [u]*[l]+|[u]+[l]*} for classes of upper and lower letters that overlap in the letters
     * without case: a word that begins where lower case turns to upper.
     */
    static Rule casedWord(CharacterClass prefix, CharacterClass upper, CharacterClass lower) {
        Rule endsInLower = (text, start, limit) -> endsInLower(upper, lower, text, start, limit);
        Rule beginsWithUpper =
                (text, start, limit) -> {
                    int end = skip(upper, text, start, limit);
                    return end > start ? skip(lower, text, end, limit) : start;
                };
        return firstOf(optional(prefix, endsInLower), optional(prefix, beginsWithUpper));
    }

    /**
     * {@code [u]*[l]+}. Where no lower letter follows the run of upper ones, the last of the run
     * that is both serves. The run is scanned twice at most; what is left of it then has none that
     * is both, so it is not scanned so again.
     */
    private static int endsInLower(
            CharacterClass upper, CharacterClass lower, int[] text, int start, int limit) {
        int run = skip(upper, text, start, limit);
        int end = skip(lower, text, run, limit);
        if (end > run) {
            return end;
        }
        for (int i = run; i > start; i--) {
            if (lower.contains(text[i - 1])) {
                return i;
            }
        }
        return start;
    }

    private static int skip(CharacterClass some, int[] text, int start, int limit) {
        int end = start;
        while (end < limit && some.contains(text[end])) {
            end++;
        }
        return end;
    }
}
