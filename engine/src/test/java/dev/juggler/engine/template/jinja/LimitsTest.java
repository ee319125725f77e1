package dev.juggler.engine.template.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that would hang the server, use up its memory, or reach into it. */
class LimitsTest {
    private static final String NESTED = "(".repeat(5000) + "1" + ")".repeat(5000);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
                "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
                "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
                "{{ 'x' * 1000000000000 }}",
                "{{ range(1000000000)|list }}",
                "{{ [0] * 100000000 }}",
                "{{ '%1000000000d' % 5 }}",
                "{{ '{:1000000000}'.format(5) }}",
                "{{ 'x'.center(2000000000) }}{{ 'x'.zfill(2000000000) }}",
                "{{ 'x'|indent(2000000000) }}",
                "{{ [1, [2]]|tojson(indent=1000000000) }}",
                "{% set s = namespace(v='x') %}{% for i in range(99) %}{% set s.v = s.v + s.v %}{% endfor %}",
                "{% set s = namespace(v='xx') %}{% for i in range(99) %}{% set s.v = s.v.replace('x', s.v) %}{% endfor %}",
                "{% set s = namespace(v=[1]) %}{% for i in range(99) %}{% set s.v = s.v + s.v %}{% endfor %}",
                "{% set a = [1] %}{% for x in range(10000) %}{{ a.extend(a) }}{% endfor %}",
                "{% set a = [] %}{{ a.append(a) }}{{ a }}",
                "{% set a = [] %}{{ a.append(a) }}{{ a|tojson }}",
                "{% set a = [] %}{% set b = [] %}{{ a.append(b) }}{{ b.append(a) }}{{ a == b }}",
                "{{ 2 ** 3 ** 40 }}",
                "{{ 'a'.join(['b' * 1000000] * 1000) }}",
                "{% set a = 'x' * 1000000 %}{% for i in range(100000) %}{{ a }}{% endfor %}",
                "{% set a = 'x' * 60000000 %}{% for i in range(100000) %}{{ a|upper|length }}{% endfor %}",
            })
    void isStopped(String template) {
        TemplateException error =
                assertTimeoutPreemptively(
                        Duration.ofSeconds(20),
                        () ->
                                assertThrows(
                                        TemplateException.class,
                                        () -> JinjaTemplate.parse(template).render(Map.of())));
        assertTrue(String.valueOf(error.getMessage()).length() < 300, "a short message");
    }

    @Test
    void deepNestingIsASyntaxError() {
        List<String> templates =
                List.of(
                        "{{ " + NESTED + " }}",
                        "{{ " + "-".repeat(100_000) + "1 }}",
                        "{{ " + "[".repeat(100_000) + " }}",
                        "{% if 1 %}".repeat(10_000),
                        "{% if 1 %}" + "{% elif 1 %}".repeat(100_000) + "{% endif %}");
        for (String template : templates) {
            TemplateException error =
                    assertThrows(TemplateException.class, () -> JinjaTemplate.parse(template));
            assertEquals(TemplateException.Kind.SYNTAX, error.kind());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ s.getClass() }}",
                "{{ s.class }}",
                "{{ s['__class__'] }}",
                "{{ m.getClass }}",
                "{{ m.entrySet() }}",
                "{{ f.__globals__ }}",
                "{{ f.apply([]) }}",
                "{{ range.__class__ }}",
                "{{ s.format.__self__ }}",
                "{{ '{0.class}'.format(s) }}",
                "{{ s|attr('class') }}",
                "{{ [s]|map(attribute='bytes')|first }}",
            })
    void nothingOfJavaIsInReach(String template) {
        java.util.function.Function<List<Object>, Object> function = arguments -> "called";
        Map<String, Object> variables = Map.of("s", "text", "m", Map.of("k", 1), "f", function);
        String result;
        try {
            result = JinjaTemplate.parse(template).render(variables);
        } catch (TemplateException e) {
            result = "";
        }
        assertEquals("", result);
    }

    /** Whatever a template says: a text or our exception, soon. */
    @Test
    void mutatedTemplatesEndInOrder() {
        String base =
                "{%- set ns = namespace() -%}{%- macro f(a, b=[1, 'x']) -%}{{ a[1:] ~ b|tojson }}{%- endmacro -%}{# c #}{% for m in l if m.r %}"
                        + "{% set ns.x = loop.index0 + 1 %}{{ f(m['r'].split('\\n')[-1]|trim, b=(2, -3.5)) if m is mapping"
                        + " else '%s' % m }}{% break %}{% else %}{% filter upper %}a{% endfilter %}{% endfor %}{% raw %}{{{% endraw %}";
        Random random = new Random(7);
        String letters = base + "{}%#-+()[]|.,:'\"\\ 0~*";
        int texts = 0;
        int errors = 0;
        for (int i = 0; i < 20_000; i++) {
            StringBuilder template = new StringBuilder(base);
            for (int change = random.nextInt(4); change >= 0; change--) {
                int at = random.nextInt(template.length());
                switch (random.nextInt(3)) {
                    case 0 -> template.deleteCharAt(at);
                    case 1 -> template.insert(at, letters.charAt(random.nextInt(letters.length())));
                    default ->
                            template.setCharAt(
                                    at, letters.charAt(random.nextInt(letters.length())));
                }
            }
            try {
                var _ =
                        JinjaTemplate.parse(template.toString())
                                .render(Map.of("l", List.of(Map.of("r", "a\nb"), 5)));
                texts++;
            } catch (TemplateException e) {
                errors++;
            }
        }
        System.out.printf("mutated templates: %d texts, %d errors%n", texts, errors);
        assertTrue(texts > 1000 && errors > 1000, "both must happen");
    }
}
