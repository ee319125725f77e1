package dev.juggler.engine.template.jinja;

/** Python's {@code None}; a value of its own, so that Java's null never enters a template. */
enum None {
    NONE;

    @Override
    public String toString() {
        return "None";
    }
}
