package dev.juggler.engine.template.jinja;

/**
 * A variable or attribute that does not exist: prints as nothing, is false, has no items; anything
 * else fails with the reason.
 *
 * @param reason what does not exist, in jinja2's words
 */
record Undefined(String reason) {
    static Undefined variable(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    static Undefined attribute(Object target, String name) {
        return new Undefined("'" + Values.describe(target) + "' has no attribute '" + name + "'");
    }

    static Undefined item(Object target, Object index) {
        return index instanceof String name
                ? attribute(target, name)
                : new Undefined(
                        Values.describe(target) + " has no element " + Representation.of(index));
    }

    TemplateException failure() {
        return TemplateException.evaluation(reason);
    }
}
