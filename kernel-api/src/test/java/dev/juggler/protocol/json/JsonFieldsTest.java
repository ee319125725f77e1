package dev.juggler.protocol.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.protocol.HttpError;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonFieldsTest {
    private static JsonFields fields(String text) {
        return Json.object(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void nullCountsAsAbsent() {
        JsonFields fields = fields("{\"a\": null, \"b\": false}");
        assertFalse(fields.has("a"));
        assertTrue(fields.has("b"));
        assertNull(fields.text("a"));
        assertNull(fields.number("a"));
        assertNull(fields.object("a"));
        assertTrue(fields.texts("a").isEmpty());
        assertTrue(fields.objects("a").isEmpty());
        assertTrue(fields.flag("a", true));
        assertFalse(fields.flag("b", true));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"n\": 5} | 5",
                "{\"n\": 5.0} | 5",
                "{\"n\": -1} | -1",
                "{\"n\": 1e3} | 1000",
                "{\"n\": 9223372036854775807} | 9223372036854775807"
            })
    void readsWholeNumbers(String text, long expected) {
        assertEquals(expected, fields(text).wholeNumber("n"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"n\": 5.5}",
                "{\"n\": \"5\"}",
                "{\"n\": true}",
                "{\"n\": 1e999999999}",
                "{\"n\": 9223372036854775808}",
                "{\"n\": []}"
            })
    void refusesWhatIsNoWholeNumber(String text) {
        HttpError error = assertThrows(HttpError.class, () -> fields(text).wholeNumber("n"));
        assertEquals(400, error.status());
        assertEquals("n", error.parameter());
    }

    @Test
    void namesTheWholePath() {
        List<JsonFields> messages = fields("{\"m\": [{\"c\": \"x\"}, {\"c\": 7}]}").objects("m");
        HttpError error = assertThrows(HttpError.class, () -> messages.get(1).text("c"));
        assertEquals("'m[1].c' is the number 7, it must be a string", error.text());
        assertEquals("m[1].c", error.parameter());
    }

    @Test
    void namesThePositionOfWhatIsNotJson() {
        HttpError error = assertThrows(HttpError.class, () -> fields("{\"a\": 1,\n \"b\": tru}"));
        assertEquals(400, error.status());
        assertTrue(error.text().contains("line 2, column"), error.text());
        error = assertThrows(HttpError.class, () -> fields("{\"a\": 1"));
        assertTrue(error.text().contains("line 1, column 8"), error.text());
        assertFalse(error.text().contains("Source"), error.text());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"''", "[]", "7", "{} {}", "{\"a\":", "{\"a\" 1}", "nul"})
    void refusesWhatIsNoObject(String text) {
        assertEquals(400, assertThrows(HttpError.class, () -> fields(text)).status());
    }

    @Test
    void refusesDeepNestingWithoutOverflow() {
        String deep = "{\"a\":" + "[".repeat(200_000) + "]".repeat(200_000) + "}";
        assertEquals(400, assertThrows(HttpError.class, () -> fields(deep)).status());
    }

    @Test
    void keepsTheOrderOfMembers() {
        Map<String, Object> members = fields("{\"z\": 1, \"a\": [1.5, null], \"m\": {}}").members();
        assertEquals(List.of("z", "a", "m"), new ArrayList<>(members.keySet()));
        assertEquals(1, members.get("z"));
    }

    @Test
    void writesHalfASurrogatePair() {
        byte[] bytes = Json.bytes(Json.object().put("a", fields("{\"x\":\"\\ud83d\"}").text("x")));
        assertEquals("{\"a\":\"?\"}", new String(bytes, StandardCharsets.UTF_8));
    }
}
