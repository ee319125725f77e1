package dev.juggler.engine.template;

import dev.juggler.engine.template.jinja.TemplateException;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Renders cases that are written as JSON objects, to compare this engine with others: {@code
 * messages}, {@code tools}, {@code add_generation_prompt}, {@code bos_token}, {@code eos_token},
 * {@code extra} (an object of further variables) and, if the date matters, {@code now} (such as
 * {@code 2025-08-05 12:00:00}). Values reach the template as they are written.
 */
public final class TemplateCases {
    /** What {@code strftime_now} tells where a case does not say. */
    public static final LocalDateTime NOW = LocalDateTime.of(2025, 8, 5, 12, 0);

    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss");

    private final ChatTemplate template;
    private final JsonMapper json = JsonMapper.shared();

    public TemplateCases(ChatTemplate template) {
        this.template = template;
    }

    /** What rendering a case gave: a text or an error, the other is null. */
    public record Result(@Nullable String text, @Nullable TemplateException error) {}

    /**
     * Renders a case.
     *
     * @param line a JSON object
     * @return a JSON object in one line: {@code {"text": ...}} or {@code {"error": ...}}
     */
    public String render(String line) {
        Map<String, String> answer = new LinkedHashMap<>();
        try {
            Result result = run(json.readValue(line, Map.class));
            if (result.error() == null) {
                answer.put("text", result.text() == null ? "" : result.text());
            } else {
                answer.put("error", String.valueOf(result.error().getMessage()));
            }
        } catch (JacksonException e) {
            answer.put("error", "not a JSON object: " + e.getOriginalMessage());
        } catch (IllegalArgumentException e) {
            answer.put("error", String.valueOf(e.getMessage()));
        }
        return json.writeValueAsString(answer);
    }

    /**
     * Renders a case that has been read.
     *
     * @throws IllegalArgumentException if it is no such case
     */
    public Result run(Map<?, ?> test) {
        Clock clock = Clock.fixed(now(test).toInstant(ZoneOffset.UTC), ZoneOffset.UTC);
        Map<String, @Nullable Object> variables =
                new HashMap<>(
                        ChatPrompt.standard(
                                text(test, "bos_token"), text(test, "eos_token"), clock));
        variables.put("messages", test.get("messages") == null ? List.of() : test.get("messages"));
        variables.put("tools", test.get("tools"));
        variables.put(
                "add_generation_prompt", Boolean.TRUE.equals(test.get("add_generation_prompt")));
        if (test.get("extra") instanceof Map<?, ?> extra) {
            extra.forEach((name, value) -> variables.put(String.valueOf(name), value));
        }
        try {
            return new Result(template.render(variables), null);
        } catch (TemplateException e) {
            return new Result(null, e);
        }
    }

    private static String text(Map<?, ?> test, String field) {
        return test.get(field) instanceof String text ? text : "";
    }

    private static LocalDateTime now(Map<?, ?> test) {
        if (!(test.get("now") instanceof String text)) {
            return NOW;
        }
        try {
            return LocalDateTime.parse(text, TIME);
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException(
                    "now is '" + text + "', it must look like 2025-08-05 12:00:00", e);
        }
    }
}
