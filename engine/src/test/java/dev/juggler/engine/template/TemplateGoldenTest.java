package dev.juggler.engine.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.template.jinja.TemplateException;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** Every real template with every conversation, byte for byte what Python's jinja2 makes of it. */
class TemplateGoldenTest {
    private final List<String> failures = new ArrayList<>();
    private int passed;
    private int rejected;
    private int skipped;

    @Test
    void rendersAsPythonDoes() throws IOException {
        List<Path> templates;
        try (Stream<Path> files = Files.list(GoldenData.require("templates"))) {
            templates = files.filter(file -> file.toString().endsWith(".jinja")).sorted().toList();
        }
        for (Path file : templates) {
            TemplateCases cases = new TemplateCases(ChatTemplate.parse(Files.readString(file)));
            String name = file.getFileName().toString().replace(".jinja", "");
            for (String line : Files.readAllLines(file.resolveSibling(name + ".jsonl"))) {
                check(name, cases, line);
            }
        }
        System.out.printf(
                "golden templates: %d templates, %d cases run, %d passed (%d texts, %d rejections),"
                        + " %d failed, %d skipped by the README (input does not suit the template)%n",
                templates.size(),
                passed + rejected + failures.size(),
                passed + rejected,
                passed,
                rejected,
                failures.size(),
                skipped);
        assertEquals(List.of(), failures);
        assertTrue(passed + rejected >= 33 * templates.size() / 2, "too few cases");
    }

    private void check(String template, TemplateCases cases, String line) {
        Map<?, ?> golden = JsonMapper.shared().readValue(line, Map.class);
        String name = template + "/" + golden.get("name");
        TemplateCases.Result result = cases.run(golden);
        if (golden.get("expected") instanceof String expected) {
            if (expected.equals(result.text())) {
                passed++;
            } else {
                failures.add("%s: expected %s, was %s".formatted(name, expected, result));
            }
        } else if (Boolean.TRUE.equals(golden.get("raised_by_template"))) {
            TemplateException error = result.error();
            boolean verbatim =
                    error != null
                            && error.kind() == TemplateException.Kind.REJECTED
                            && String.valueOf(golden.get("error"))
                                    .contains(String.valueOf(error.getMessage()));
            if (verbatim) {
                rejected++;
            } else {
                failures.add(
                        "%s: expected the error %s, was %s"
                                .formatted(name, golden.get("error"), result));
            }
        } else {
            skipped++;
        }
    }
}
