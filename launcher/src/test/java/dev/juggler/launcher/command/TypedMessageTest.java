package dev.juggler.launcher.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

class TypedMessageTest {
    private static TypedMessage typed(String... lines) {
        Deque<String> left = new ArrayDeque<>(List.of(lines));
        Deque<String> prompts = new ArrayDeque<>();
        TypedMessage message =
                TypedMessage.read(prompt -> {
                    assertEquals(prompts.isEmpty() ? "> " : ". ", prompt);
                    prompts.add(prompt);
                    return left.remove();
                });
        assertTrue(left.isEmpty(), "lines that were not read: " + left);
        return message;
    }

    @Test
    void oneLineIsAMessage() {
        assertEquals(new TypedMessage("hello", false), typed("  hello "));
        assertEquals(new TypedMessage("", false), typed(""));
        assertEquals(new TypedMessage("it's \"so\"", false), typed("it's \"so\""));
        assertEquals(new TypedMessage("/bye", false), typed("/bye"));
    }

    @Test
    void lineBreaksTypedOrPastedStay() {
        assertEquals(new TypedMessage("one\n  two", false), typed("one\n  two\n"));
    }

    @Test
    void aBackslashGoesOn() {
        assertEquals(
                new TypedMessage("one\ntwo\n  three", false), typed("one\\", "two\\ ", "  three"));
        assertEquals(new TypedMessage("one", false), typed("one\\", ""));
    }

    @Test
    void tripleQuotesHoldManyLines() {
        assertEquals(
                new TypedMessage("def f():\n    return 1\n\nwhat is it?", true),
                typed("\"\"\"", "def f():", "    return 1", "", "what is it?", "\"\"\""));
        assertEquals(
                new TypedMessage("  one\n/two\\", true), typed(" \"\"\"  one", "/two\\ \"\"\" "));
        assertEquals(new TypedMessage("/help", true), typed("\"\"\"/help\"\"\""));
        assertEquals(new TypedMessage("a\nb", true), typed("\"\"\"a\nb\"\"\""));
        assertEquals(new TypedMessage("", true), typed("\"\"\"\"\"\""));
        assertEquals(new TypedMessage("say \"\"\" now", true), typed("\"\"\"say \"\"\" now\"\"\""));
    }
}
