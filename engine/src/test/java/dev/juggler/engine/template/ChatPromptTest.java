package dev.juggler.engine.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Tool;
import dev.juggler.inference.ToolCall;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ChatPromptTest {
    private static final Clock CLOCK =
            Clock.fixed(Instant.parse("2024-02-09T15:04:05Z"), ZoneOffset.UTC);

    private static String render(String template, Prompt.Chat chat) {
        return new ChatPrompt(ChatTemplate.parse(template), "<s>", "</s>", CLOCK).render(chat);
    }

    private static Prompt.Chat chat(Message... messages) {
        return new Prompt.Chat(List.of(messages), List.of(), Map.of());
    }

    @Test
    void givesMessagesInTheFormOfOpenAi() {
        Message call =
                new Message(
                        "assistant",
                        null,
                        "hm",
                        List.of(new ToolCall("call_1", "f", Map.of("x", 1))),
                        null,
                        null);
        Message answer = new Message("tool", "21", null, List.of(), "call_1", "f");
        assertEquals(
                "[{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": \"\","
                        + " \"reasoning_content\": \"hm\", \"tool_calls\": [{\"id\": \"call_1\", \"type\":"
                        + " \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"x\": 1}}}]},"
                        + " {\"role\": \"tool\", \"content\": \"21\", \"tool_call_id\": \"call_1\","
                        + " \"name\": \"f\"}]",
                render("{{ messages|tojson }}", chat(Message.of("user", "hi"), call, answer)));
    }

    @Test
    void givesTheOtherVariables() {
        String template =
                "{{ bos_token }}{{ eos_token }}{{ tools }}{{ add_generation_prompt }}"
                        + "{{ strftime_now('%d %b %Y %H:%M:%S %A %j %-m %I%p %%') }}{{ enable_thinking }}";
        Prompt.Chat chat =
                new Prompt.Chat(
                        List.of(Message.of("user", "hi")),
                        List.of(),
                        Map.of("enable_thinking", false));
        assertEquals(
                "<s></s>NoneTrue09 Feb 2024 15:04:05 Friday 040 2 03PM %False",
                render(template, chat));
        Tool tool = new Tool(Map.of("type", "function"));
        assertEquals(
                "[{'type': 'function'}]",
                render("{{ tools }}", new Prompt.Chat(List.of(), List.of(tool), Map.of())));
    }

    @Test
    void rejectionsAreTheClientsFault() {
        InferenceException rejected =
                assertThrows(
                        InferenceException.class,
                        () -> render("{{ raise_exception('Roles must alternate') }}", chat()));
        assertEquals(InferenceException.Kind.INVALID_REQUEST, rejected.kind());
        assertEquals("Roles must alternate", rejected.getMessage());
        InferenceException failed =
                assertThrows(InferenceException.class, () -> render("a\n{{ nope.x }}", chat()));
        assertTrue(
                String.valueOf(failed.getMessage()).contains("line 2: 'nope' is undefined"),
                failed.getMessage());
    }

    @Test
    void choosesATemplate() {
        assertEquals("a", ChatPrompt.choose("a", "b", true, "m").source());
        assertEquals("b", ChatPrompt.choose(null, "b", true, "m").source());
        ChatTemplate standard = ChatPrompt.choose(null, null, true, "m");
        assertEquals(
                """
                <|im_start|>system
                Be brief.<|im_end|>
                <|im_start|>user
                hi<|im_end|>
                <|im_start|>assistant
                """,
                new ChatPrompt(standard, "", "", CLOCK)
                        .render(chat(Message.of("system", "Be brief."), Message.of("user", "hi"))));
        InferenceException none =
                assertThrows(
                        InferenceException.class, () -> ChatPrompt.choose(null, null, false, "m"));
        assertTrue(String.valueOf(none.getMessage()).contains("chat-template"));
    }

    @Test
    void casesAreJsonLines() {
        TemplateCases cases =
                new TemplateCases(
                        ChatTemplate.parse(
                                "{{ messages[0].content }}{{ strftime_now('%Y-%m-%d') }}{{ x }}"));
        assertEquals(
                "{\"text\":\"é2025-08-053\"}",
                cases.render("{\"messages\": [{\"content\": \"é\"}], \"extra\": {\"x\": 3}}"));
        assertEquals(
                "{\"text\":\"a2020-01-02\"}",
                cases.render(
                        "{\"messages\": [{\"content\": \"a\"}], \"now\": \"2020-01-02 00:00:00\"}"));
        assertTrue(cases.render("[1]").startsWith("{\"error\":\"not a JSON object"));
        assertTrue(cases.render("{").startsWith("{\"error\":\"not a JSON object"));
        assertTrue(cases.render("{\"now\": \"x\"}").startsWith("{\"error\":\"now is 'x'"));
        assertTrue(cases.render("{}").startsWith("{\"error\":"));
    }
}
