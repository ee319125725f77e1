package dev.juggler.engine.answer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Tool calls as Hermes, Qwen 2.5 and Qwen 3 write them: JSON between {@code <tool_call>} and {@code
 * </tool_call>}. At the end of an answer the closing tag may be missing.
 */
final class HermesFormat implements ToolCallFormat {
    static final String OPENING = "<tool_call>";
    private static final String CLOSING = "</tool_call>";

    private final JsonMapper json =
            JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    @Override
    public String opening() {
        return OPENING;
    }

    @Override
    public Reading read(String text, boolean complete) {
        int closing = text.indexOf(CLOSING, OPENING.length());
        if (closing < 0) {
            return complete ? unclosed(text) : new Reading.Incomplete();
        }
        int first = closing + CLOSING.length();
        while (closing >= 0) {
            String body = text.substring(OPENING.length(), closing);
            Optional<List<Invocation>> calls = calls(body);
            if (calls.isPresent()) {
                return new Reading.Calls(calls.get(), closing + CLOSING.length());
            }
            if (!endsInsideString(body)) {
                return new Reading.NoCall(first);
            }
            // The closing tag is part of an argument; the call's own is yet to come.
            closing = text.indexOf(CLOSING, closing + CLOSING.length());
        }
        return complete ? new Reading.NoCall(first) : new Reading.Incomplete();
    }

    private Reading unclosed(String text) {
        return calls(text.substring(OPENING.length()))
                .<Reading>map(calls -> new Reading.Calls(calls, text.length()))
                .orElse(new Reading.NoCall(OPENING.length()));
    }

    private static boolean endsInsideString(String body) {
        boolean inside = false;
        for (int i = 0; i < body.length(); i++) {
            char character = body.charAt(i);
            if (character == '"') {
                inside = !inside;
            } else if (character == '\\' && inside) {
                i++;
            }
        }
        return inside;
    }

    private Optional<List<Invocation>> calls(String body) {
        try {
            Object value = json.readValue(body, Object.class);
            List<?> all = value instanceof List<?> list ? list : List.of(value);
            List<Invocation> calls = new ArrayList<>();
            for (Object one : all) {
                Optional<Invocation> call = call(one);
                if (call.isEmpty()) {
                    return Optional.empty();
                }
                calls.add(call.get());
            }
            return calls.isEmpty() ? Optional.empty() : Optional.of(calls);
        } catch (JacksonException e) {
            return Optional.empty();
        }
    }

    private Optional<Invocation> call(Object value) {
        if (!(value instanceof Map<?, ?> call)
                || !(call.get("name") instanceof String name)
                || name.isEmpty()) {
            return Optional.empty();
        }
        Object arguments = call.containsKey("arguments") ? call.get("arguments") : Map.of();
        if (arguments instanceof String text) {
            arguments = text.isBlank() ? Map.of() : json.readValue(text, Object.class);
        }
        return arguments instanceof Map<?, ?> map
                ? Optional.of(new Invocation(name, named(map)))
                : Optional.empty();
    }

    @SuppressWarnings("unchecked") // the keys of a JSON object are strings
    private static Map<String, Object> named(Map<?, ?> map) {
        return (Map<String, Object>) map;
    }
}
