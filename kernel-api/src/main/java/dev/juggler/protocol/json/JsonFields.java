package dev.juggler.protocol.json;

import dev.juggler.protocol.HttpError;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The fields of a JSON object, each read as one type; a field that is null counts as absent, and a
 * field of another type is an {@link HttpError} 400 that names it with its path.
 */
public final class JsonFields {
    private final ObjectNode object;
    private final String path;

    JsonFields(ObjectNode object, String path) {
        this.object = object;
        this.path = path;
    }

    /** The path of a field from the root of the body, e.g. {@code messages[2].content}. */
    public String path(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    public boolean has(String name) {
        return node(name) != null;
    }

    /** The field as it is, or null. */
    public @Nullable JsonNode node(String name) {
        JsonNode node = object.get(name);
        return node == null || node.isNull() ? null : node;
    }

    /** Names of all fields, in order. */
    public Collection<String> names() {
        return object.propertyNames();
    }

    public @Nullable String text(String name) {
        JsonNode node = node(name);
        if (node == null) {
            return null;
        }
        if (!node.isString()) {
            throw wrongType(name, "a string", node);
        }
        return node.stringValue();
    }

    /**
     * A text that must be there.
     *
     * @throws HttpError also if it is absent
     */
    public String requiredText(String name) {
        String text = text(name);
        if (text == null) {
            throw missing(name);
        }
        return text;
    }

    public @Nullable Boolean flag(String name) {
        JsonNode node = node(name);
        if (node == null) {
            return null;
        }
        if (!node.isBoolean()) {
            throw wrongType(name, "true or false", node);
        }
        return node.booleanValue();
    }

    public boolean flag(String name, boolean otherwise) {
        Boolean flag = flag(name);
        return flag == null ? otherwise : flag;
    }

    public @Nullable Double number(String name) {
        JsonNode node = node(name);
        if (node == null) {
            return null;
        }
        if (!node.isNumber()) {
            throw wrongType(name, "a number", node);
        }
        return node.doubleValue();
    }

    public float number(String name, float otherwise) {
        Double number = number(name);
        return number == null ? otherwise : number.floatValue();
    }

    /** A whole number; {@code 5.0} is one. */
    public @Nullable Long wholeNumber(String name) {
        JsonNode node = node(name);
        return node == null ? null : wholeNumber(node, path(name));
    }

    private static long wholeNumber(JsonNode node, String path) {
        if (node.isIntegralNumber() && node.canConvertToLong()) {
            return node.longValue();
        }
        // Through double: the exact value of 1e999999999 would fill the memory.
        double value = node.isNumber() ? node.doubleValue() : Double.NaN;
        if (value == Math.rint(value) && Math.abs(value) <= 1L << 53) {
            return (long) value;
        }
        throw HttpError.badRequest(
                "'%s' is %s, it must be a whole number".formatted(path, kind(node)), path);
    }

    /**
     * A whole number within limits.
     *
     * @throws HttpError also if it is outside of them
     */
    public @Nullable Integer integer(String name, int least, int most) {
        Long number = wholeNumber(name);
        if (number == null) {
            return null;
        }
        if (number < least || number > most) {
            throw HttpError.badRequest(
                    most == Integer.MAX_VALUE
                            ? "'%s' is %d, it must be %d or more"
                                    .formatted(path(name), number, least)
                            : "'%s' is %d, it must be %d to %d"
                                    .formatted(path(name), number, least, most),
                    path(name));
        }
        return number.intValue();
    }

    public @Nullable JsonFields object(String name) {
        JsonNode node = node(name);
        if (node == null) {
            return null;
        }
        if (!(node instanceof ObjectNode fields)) {
            throw wrongType(name, "an object", node);
        }
        return new JsonFields(fields, path(name));
    }

    /** A list of objects; empty if it is absent. */
    public List<JsonFields> objects(String name) {
        List<JsonFields> list = new ArrayList<>();
        for (JsonNode node : list(name)) {
            String place = path(name) + "[" + list.size() + "]";
            if (!(node instanceof ObjectNode fields)) {
                throw HttpError.badRequest(
                        "'%s' is %s, it must be an object".formatted(place, kind(node)), place);
            }
            list.add(new JsonFields(fields, place));
        }
        return list;
    }

    /** The elements of a list; empty if it is absent. */
    public Collection<JsonNode> list(String name) {
        JsonNode node = node(name);
        if (node == null) {
            return List.of();
        }
        if (!node.isArray()) {
            throw wrongType(name, "a list", node);
        }
        return node.values();
    }

    /** One text or a list of texts; empty if it is absent. */
    public List<String> texts(String name) {
        JsonNode node = node(name);
        if (node != null && node.isString()) {
            return List.of(node.stringValue());
        }
        if (node != null && !node.isArray()) {
            throw wrongType(name, "a string or a list of strings", node);
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode element : list(name)) {
            if (!element.isString()) {
                String place = path(name) + "[" + texts.size() + "]";
                throw HttpError.badRequest(
                        "'%s' is %s, it must be a string".formatted(place, kind(element)), place);
            }
            texts.add(element.stringValue());
        }
        return texts;
    }

    /** The members of this object as maps, lists, text, numbers, booleans and nulls, in order. */
    public Map<String, Object> members() {
        return Json.members(object);
    }

    /** An error about the value of a field: {@code 'name' ...}. */
    public HttpError error(String name, String what) {
        return HttpError.badRequest("'" + path(name) + "' " + what, path(name));
    }

    /** The error of a required field that is absent. */
    public HttpError missing(String name) {
        return error(name, "is missing");
    }

    /** The error of a field that has the wrong type. */
    public HttpError wrongType(String name, String wanted, JsonNode found) {
        return error(name, "is %s, it must be %s".formatted(kind(found), wanted));
    }

    static String kind(JsonNode node) {
        return switch (node.getNodeType()) {
            case ARRAY -> "a list";
            case OBJECT, POJO -> "an object";
            case BOOLEAN -> node.booleanValue() ? "true" : "false";
            case NUMBER -> "the number " + abbreviated(node.asString());
            case STRING, BINARY -> "the string \"" + abbreviated(node.asString()) + "\"";
            case NULL -> "null";
            case MISSING -> "empty";
        };
    }

    private static String abbreviated(String text) {
        return text.length() <= 40 ? text : text.substring(0, 40) + "...";
    }
}
