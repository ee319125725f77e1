package dev.juggler.engine.template.jinja;

import java.util.concurrent.atomic.AtomicBoolean;

/** The functions that every template has. */
final class Globals {
    private Globals() {}

    /** Defines them in a scope. */
    static void define(Scope scope) {
        scope.set("range", (Callable) Globals::range);
        scope.set("dict", (Callable) (arguments, _) -> ContainerMethods.dictionary(arguments));
        scope.set("namespace", (Callable) (arguments, _) -> Namespace.of(arguments));
        scope.set("cycler", (Callable) (arguments, _) -> new Cycler(arguments.positional()));
        scope.set("joiner", (Callable) Globals::joiner);
        scope.set("raise_exception", (Callable) Globals::raise);
    }

    private static Object range(Arguments arguments, Budget budget) {
        long first = Values.requireInteger(arguments.require(0, "stop"));
        boolean single = arguments.positional().size() == 1;
        long stop = single ? first : arguments.integer(1, "stop", 0);
        return new Sequences.Range(
                single ? 0 : first, stop, arguments.integer(2, "step", 1), budget);
    }

    private static Object joiner(Arguments arguments, Budget budget) {
        String separator = arguments.text(0, "sep", ", ");
        AtomicBoolean used = new AtomicBoolean();
        return (Callable) (_, _) -> used.getAndSet(true) ? separator : "";
    }

    private static Object raise(Arguments arguments, Budget budget) {
        String message = Values.text(arguments.require(0, "message"));
        throw new TemplateException(TemplateException.Kind.REJECTED, message, 0);
    }
}
