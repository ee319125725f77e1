package dev.juggler.engine.template.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** The language, against what Python's jinja2 made of the same templates (make_cases.py). */
class JinjaTemplateTest {
    private final JsonMapper json = JsonMapper.shared();

    @Test
    void agreesWithPython() throws IOException {
        Map<?, ?> python = json.readValue(resource("variables.json"), Map.class);
        Map<String, Object> variables = new HashMap<>();
        python.forEach((name, value) -> variables.put((String) name, value));
        List<String> failures = new ArrayList<>();
        int texts = 0;
        int errors = 0;
        for (String line : resource("jinja-cases.jsonl").lines().toList()) {
            Map<?, ?> golden = json.readValue(line, Map.class);
            String template = String.valueOf(golden.get("template"));
            @Nullable String result;
            try {
                result = JinjaTemplate.parse(template).render(variables);
            } catch (TemplateException e) {
                result = null;
                if (golden.get("expected") != null) {
                    failures.add(
                            "%s: expected '%s', failed: %s"
                                    .formatted(template, golden.get("expected"), e.getMessage()));
                } else {
                    errors++;
                }
            }
            if (result != null && result.equals(golden.get("expected"))) {
                texts++;
            } else if (result != null) {
                failures.add(
                        "%s: expected '%s', was '%s'"
                                .formatted(
                                        template,
                                        golden.get("expected") == null
                                                ? golden.get("error")
                                                : golden.get("expected"),
                                        result));
            }
        }
        System.out.printf(
                "jinja2 cases: %d run, %d texts equal, %d errors raised, %d failed%n",
                texts + errors + failures.size(), texts, errors, failures.size());
        assertEquals("", String.join("\n", failures));
        assertTrue(texts > 300, "too few cases");
    }

    private static String resource(String name) throws IOException {
        try (@Nullable InputStream in = JinjaTemplateTest.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
