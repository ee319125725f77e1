package dev.juggler.engine.template.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What {@code namespace()} gives: attributes that can be set from inside loops.
 *
 * @param attributes may change
 */
record Namespace(Map<String, Object> attributes) {
    static Namespace of(Arguments arguments) {
        Map<String, Object> attributes = new LinkedHashMap<>();
        for (Object argument : arguments.positional()) {
            if (!(argument instanceof Map<?, ?> map)) {
                throw TemplateException.evaluation(
                        "namespace() takes a dict, not " + Values.typeName(argument));
            }
            map.forEach((key, value) -> attributes.put(Values.text(key), value));
        }
        attributes.putAll(arguments.named());
        return new Namespace(attributes);
    }
}
