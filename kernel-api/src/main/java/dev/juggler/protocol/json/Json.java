package dev.juggler.protocol.json;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Reads and writes JSON bodies (RFC 8259). */
public final class Json {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    /**
     * What a JSON route takes besides a missing content type. Curl sends the form type with {@code
     * -d} unless told otherwise, and the servers that clients are used to accept that.
     */
    private static final Set<String> ACCEPTED =
            Set.of(
                    "application/json",
                    "application/x-ndjson",
                    "application/x-www-form-urlencoded",
                    "application/octet-stream",
                    "text/json",
                    "text/plain");

    private Json() {}

    /**
     * The body of a call, which must be a JSON object.
     *
     * @throws HttpError 415 if the call declares another content type, 413 if the body is too
     *     large, 400 with the position if it is not a JSON object
     */
    public static JsonFields read(HttpCall call) throws IOException {
        String type = call.header("Content-Type").orElse("");
        String bare = type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (!bare.isEmpty() && !ACCEPTED.contains(bare) && !bare.endsWith("+json")) {
            throw new HttpError(
                    415,
                    "unsupported_media_type",
                    "the content type is '" + type + "', it must be application/json",
                    null);
        }
        return object(call.body());
    }

    /**
     * A JSON object.
     *
     * @throws HttpError 400 with the position if it is something else
     */
    public static JsonFields object(byte[] text) {
        if (text.length == 0) {
            throw HttpError.badRequest("the body is empty, it must be a JSON object", null);
        }
        JsonNode node = parse(text, "the body");
        if (!(node instanceof ObjectNode object)) {
            throw HttpError.badRequest(
                    "the body is " + JsonFields.kind(node) + ", it must be a JSON object", null);
        }
        return new JsonFields(object, "");
    }

    /**
     * The members of a JSON object that comes as text inside of another, keys in order.
     *
     * @param name how to call it in an error, e.g. {@code messages[0].arguments}
     * @throws HttpError 400 if it is something else
     */
    public static Map<String, Object> members(String text, String name) {
        JsonNode node = parse(text.getBytes(StandardCharsets.UTF_8), "'" + name + "'");
        if (!(node instanceof ObjectNode object)) {
            throw HttpError.badRequest(
                    "'" + name + "' is " + JsonFields.kind(node) + ", it must be a JSON object",
                    name);
        }
        return members(object);
    }

    static Map<String, Object> members(ObjectNode object) {
        return MAPPER.convertValue(
                object,
                MAPPER.getTypeFactory()
                        .constructMapType(LinkedHashMap.class, String.class, Object.class));
    }

    private static JsonNode parse(byte[] text, String what) {
        try {
            return MAPPER.readTree(text);
        } catch (JacksonException malformed) {
            throw HttpError.badRequest(
                    "%s is not JSON%s: %s"
                            .formatted(
                                    what,
                                    position(malformed.getLocation()),
                                    firstLine(malformed.getOriginalMessage())),
                    null);
        }
    }

    private static String position(@Nullable TokenStreamLocation location) {
        if (location == null || location.getLineNr() < 0) {
            return "";
        }
        return " at line %d, column %d".formatted(location.getLineNr(), location.getColumnNr());
    }

    /** What Jackson says, without its remarks on where the text comes from. */
    private static String firstLine(@Nullable String message) {
        String line =
                message == null ? "malformed" : message.lines().findFirst().orElse("malformed");
        int remark = line.indexOf(" (start marker");
        return remark < 0 ? line : line.substring(0, remark);
    }

    /** A new, empty object. */
    public static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    /** A new, empty list. */
    public static ArrayNode list() {
        return JsonNodeFactory.instance.arrayNode();
    }

    /** A value of maps, lists, text, numbers, booleans and nulls as JSON. */
    public static JsonNode node(@Nullable Object value) {
        return MAPPER.valueToTree(value);
    }

    /** On one line, without spaces. */
    public static String text(JsonNode node) {
        return MAPPER.writeValueAsString(node);
    }

    /**
     * On one line, without spaces, in UTF-8. Half a surrogate pair, which a client can send as an
     * escape and find again in an error, becomes a question mark.
     */
    public static byte[] bytes(JsonNode node) {
        return text(node).getBytes(StandardCharsets.UTF_8);
    }
}
