package dev.juggler.engine.answer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.inference.Tool;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class AnswerParserTest {
    private static final String TEMPLATE = "... <think> </think> <tool_call> ...";
    private static final String CALL =
            "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": [\"x\"]}}\n</tool_call>";

    private static AnswerParser parser(boolean tools, String promptText, String... stop) {
        Prompt prompt =
                new Prompt.Chat(
                        List.of(Message.of("user", "hi")),
                        tools ? List.of(new Tool(Map.of("type", "function"))) : List.of(),
                        Map.of());
        GenerationRequest request =
                new GenerationRequest(
                        "m", prompt, Sampling.GREEDY, null, List.of(stop), false, null, null);
        AtomicInteger ids = new AtomicInteger();
        return AnswerParser.forRequest(
                request, TEMPLATE, promptText, () -> "call_" + ids.incrementAndGet());
    }

    /** The events in short: T text, R reasoning, C call; neighbours of a kind are one. */
    private static String show(List<GenerationEvent> events) {
        StringBuilder out = new StringBuilder();
        char last = 0;
        for (GenerationEvent event : events) {
            char kind =
                    switch (event) {
                        case GenerationEvent.Text _ -> 'T';
                        case GenerationEvent.Reasoning _ -> 'R';
                        default -> 'C';
                    };
            if (kind != last || kind == 'C') {
                out.append('|').append(kind).append(':');
            }
            last = kind;
            switch (event) {
                case GenerationEvent.Text text -> out.append(text.text());
                case GenerationEvent.Reasoning reasoning -> out.append(reasoning.text());
                case GenerationEvent.Call call ->
                        out.append(call.call().id())
                                .append(' ')
                                .append(call.call().name())
                                .append(call.call().arguments());
                default -> out.append(event);
            }
        }
        return out.toString();
    }

    private static String whole(AnswerParser parser, String answer) {
        List<GenerationEvent> events = new ArrayList<>(parser.accept(answer, List.of()));
        events.addAll(parser.finish());
        return show(events);
    }

    @Test
    void tellsTextReasoningAndCalls() {
        assertEquals("|T:Hello", whole(parser(true, ""), "Hello"));
        assertEquals(
                "|R:Hm.\nYes|T:The answer",
                whole(parser(false, ""), "<think>\nHm.\nYes\n</think>\n\nThe answer"));
        assertEquals(
                "|R:Hm.|T:Yes",
                whole(parser(false, "...assistant\n<think>\n"), "Hm.\n</think>\n\nYes"));
        assertEquals("|T:Yes", whole(parser(false, ""), "<think>\n\n</think>\n\nYes"));
        assertEquals("|T:say <think>", whole(parser(false, ""), "say <think>"));
        assertEquals("|R:never closed </thi", whole(parser(true, ""), "<think>never closed </thi"));
        assertEquals("|C:call_1 add{a=1, b=[x]}", whole(parser(true, ""), CALL));
        assertEquals(
                "|R:Hm|T:Sure:|C:call_1 add{a=1, b=[x]}|C:call_2 add{a=1, b=[x]}",
                whole(parser(true, ""), "<think>Hm</think>\nSure:\n" + CALL + "\n" + CALL + "\n"));
        assertEquals("|T:" + CALL, whole(parser(false, ""), CALL));
    }

    @Test
    void keepsWhatIsNoCall() {
        for (String answer :
                List.of(
                        "a <tool_call>{\"name\": }</tool_call> b",
                        "<tool_call>{\"name\": \"f\", \"argum",
                        "<tool_call>[]</tool_call>\n",
                        "<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>",
                        "<tool_call>{\"name\": \"f\", \"arguments\": \"{nope\"}</tool_call>",
                        "<tool_call>",
                        "x  <tool_ca",
                        " \n ")) {
            assertEquals("|T:" + answer, whole(parser(true, ""), answer));
        }
        String bad = "<tool_call>{\"name\"}</tool_call>";
        assertEquals(
                "|T:" + bad + "|C:call_1 add{a=1, b=[x]}", whole(parser(true, ""), bad + CALL));
    }

    @Test
    void readsWhatModelsWriteCarelessly() {
        assertEquals(
                "|C:call_1 f{}",
                whole(parser(true, ""), "<tool_call>{\"name\": \"f\"}</tool_call>"));
        assertEquals(
                "|C:call_1 f{x=1}",
                whole(
                        parser(true, ""),
                        "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"x\\\": 1}\"}"));
        assertEquals(
                "|C:call_1 f{x=a</tool_call>b}",
                whole(
                        parser(true, ""),
                        "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"a</tool_call>b\"}}</tool_call>"));
    }

    @Test
    void endsAtStopTexts() {
        AnswerParser parser = parser(false, "", "END", "\n\n");
        assertEquals("|T:one E", show(parser.accept("one EE", List.of())));
        assertFalse(parser.stopped());
        assertEquals("|T:EEN", show(parser.accept("ENE", List.of())));
        assertEquals("", show(parser.accept("ND", List.of())));
        assertTrue(parser.stopped());
        assertEquals("", show(parser.accept(" more", List.of())));
        assertEquals("", show(parser.finish()));
    }

    @Test
    void textDoesNotWait() {
        AnswerParser parser = parser(true, "", "STOP");
        assertEquals("|T:Hello", show(parser.accept("Hello", List.of())));
        assertEquals("|T: a < b", show(parser.accept(" a < b", List.of())));
        assertEquals("", show(parser.accept(" <tool", List.of())));
        assertEquals("|T: <tools", show(parser.accept("s", List.of())));
        assertEquals("|T:!", show(parser.accept("! ", List.of())));
        assertEquals("|T: ", show(parser.finish()));
    }

    @Test
    void logprobsComeWithTheirText() {
        AnswerParser parser = parser(true, "");
        List<GenerationEvent> events = new ArrayList<>();
        String[] pieces = {
            "<think>", "hm", "</think>", "\n\n", "Yes", "", " <", "b>", " ", "\n", "."
        };
        for (String piece : pieces) {
            events.addAll(parser.accept(piece, List.of(new TokenLogprob(1, piece, -1, List.of()))));
        }
        events.addAll(parser.finish());
        StringBuilder tokens = new StringBuilder();
        StringBuilder text = new StringBuilder();
        for (GenerationEvent event : events) {
            if (event instanceof GenerationEvent.Text part) {
                text.append(part.text());
                part.logprobs().forEach(token -> tokens.append(token.token()).append(','));
            }
        }
        assertEquals("Yes <b> \n.", text.toString());
        assertEquals("Yes,, <,b>, ,\n,.,", tokens.toString());
    }

    /** However an answer is cut into pieces, the events are the same. */
    @Test
    void piecesDoNotMatter() {
        Random random = new Random(11);
        String[] parts = {
            "<think>",
            "</think>",
            "<tool_call>",
            "</tool_call>",
            CALL,
            "{\"name\": \"f\"}",
            "\n",
            " ",
            "text",
            "<",
            "STO",
            "STOP",
            "P",
            "é👋",
            "</",
            "tool_call>",
            "{\"",
            "\"",
            "think>"
        };
        int calls = 0;
        int stops = 0;
        int cases = 20_000;
        for (int i = 0; i < cases; i++) {
            StringBuilder builder = new StringBuilder();
            for (int n = random.nextInt(9); n >= 0; n--) {
                builder.append(parts[random.nextInt(parts.length)]);
            }
            String answer = builder.toString();
            boolean tools = random.nextBoolean();
            String prompt = random.nextInt(4) == 0 ? "<think>\n" : "";
            AnswerParser atOnce = parser(tools, prompt, "STOP", "TOPP");
            String expected = whole(atOnce, answer);
            AnswerParser inPieces = parser(tools, prompt, "STOP", "TOPP");
            List<GenerationEvent> events = new ArrayList<>();
            int at = 0;
            while (at < answer.length()) {
                int end = Math.min(answer.length(), at + 1 + random.nextInt(6));
                if (end < answer.length() && Character.isLowSurrogate(answer.charAt(end))) {
                    end++;
                }
                events.addAll(inPieces.accept(answer.substring(at, end), List.of()));
                at = end;
            }
            events.addAll(inPieces.finish());
            assertEquals(expected, show(events), answer);
            assertEquals(atOnce.stopped(), inPieces.stopped(), answer);
            assertNothingLost(prompt + answer, events);
            calls += inPieces.calledTools() ? 1 : 0;
            stops += inPieces.stopped() ? 1 : 0;
        }
        System.out.printf(
                "answers cut at random: %d, %d with calls, %d stopped%n", cases, calls, stops);
        assertTrue(calls > 1000 && stops > 1000, "both must happen");
    }

    /** Texts and reasoning are, in order, parts of the answer; without tags they are all of it. */
    private static void assertNothingLost(String answer, List<GenerationEvent> events) {
        String rest = answer;
        boolean tagged =
                answer.contains("think>") || answer.contains(CALL) || answer.contains("STOP");
        tagged |= answer.contains("{\"name\": \"f\"}") || answer.contains("TOPP");
        StringBuilder all = new StringBuilder();
        for (GenerationEvent event : events) {
            String part =
                    switch (event) {
                        case GenerationEvent.Text text -> text.text();
                        case GenerationEvent.Reasoning reasoning -> reasoning.text();
                        default -> "";
                    };
            all.append(part);
            int found = rest.indexOf(part);
            assertTrue(found >= 0, answer);
            rest = rest.substring(found + part.length());
        }
        if (!tagged) {
            assertEquals(answer, all.toString());
        }
    }
}
