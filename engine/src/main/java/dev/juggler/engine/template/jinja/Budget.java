package dev.juggler.engine.template.jinja;

/** What one rendering may use; protects the server from a template that never ends. */
final class Budget {
    /** Far above what a conversation of thousands of messages takes, about a second of work. */
    private static final long STEPS = 50_000_000;

    /** Most characters of one text, the rendered prompt included. */
    private static final long TEXT = 64L << 20;

    /** Most items that a range, a repeated list or a concatenated list may have. */
    private static final long ITEMS = 1_000_000;

    private static final int DEPTH = 1000;

    private long steps;
    private int depth;

    /** Counts one step of work. */
    void step() {
        spend(1);
    }

    /** Counts a text before it is made. */
    void text(long characters) {
        text(characters, characters);
    }

    /** Counts what is added to a text that will then have this length. */
    void text(long characters, long added) {
        if (characters > TEXT) {
            throw TemplateException.limit(
                    "a text of %d characters is too long, at most %d are allowed"
                            .formatted(characters, TEXT));
        }
        spend(added / 4);
    }

    /** Counts a list before it is made. */
    void items(long count) {
        if (count > ITEMS) {
            throw TemplateException.limit(
                    "a list of %d items is too long, at most %d are allowed"
                            .formatted(count, ITEMS));
        }
        spend(count);
    }

    private void spend(long amount) {
        steps += amount;
        if (steps > STEPS) {
            throw TemplateException.limit(
                    "the template does too much work, more than %d steps".formatted(STEPS));
        }
    }

    /** One level deeper; {@link #leave} comes back. */
    void enter() {
        if (++depth > DEPTH) {
            throw TemplateException.limit(
                    "calls and expressions are nested more than %d deep".formatted(DEPTH));
        }
    }

    void leave() {
        depth--;
    }
}
