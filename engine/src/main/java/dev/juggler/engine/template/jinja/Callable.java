package dev.juggler.engine.template.jinja;

/** A value that a template can call. */
interface Callable {
    Object call(Arguments arguments, Budget budget);
}
