package dev.juggler.engine.answer;

import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.ToolCall;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes events of an answer as it is generated: cuts it off at a stop text, tells reasoning from
 * text, and finds tool calls. Text waits only as long as it may turn out to be something else;
 * blanks around tags belong to the tags, everything else arrives exactly once, in order. Not safe
 * for many threads.
 */
public final class AnswerParser {
    private static final String THINK = "<think>";
    private static final String END_THINK = "</think>";

    private enum State {
        /** Nothing but blanks so far: reasoning may begin. */
        START,
        REASONING,
        /** Right after reasoning: line ends still belong to its closing tag. */
        AFTER_REASONING,
        TEXT
    }

    private final StopTexts stops;
    private final @Nullable ToolCallFormat calls;
    private final Supplier<String> ids;
    private final LogprobQueue logprobs = new LogprobQueue();
    private final List<GenerationEvent> events = new ArrayList<>();

    private State state;

    /** Line ends after the opening tag are still dropped. */
    private boolean reasoningBegins;

    private boolean called;

    /** Whether text came since the last call. */
    private boolean textSinceCall;

    private String buffer = "";

    private AnswerParser(
            List<String> stop, State start, @Nullable ToolCallFormat calls, Supplier<String> ids) {
        this.stops = new StopTexts(stop);
        this.state = start;
        this.reasoningBegins = start == State.REASONING;
        this.calls = calls;
        this.ids = ids;
    }

    /**
     * The parser for a request. A plain prompt's answer is only searched for stop texts.
     *
     * @param template source of the chat template in use, or null if there is none
     * @param promptText the text that the model continues; where the template has opened {@code
     *     <think>}, the answer begins with reasoning
     */
    public static AnswerParser forRequest(
            GenerationRequest request, @Nullable String template, String promptText) {
        return forRequest(request, template, promptText, AnswerParser::randomId);
    }

    static AnswerParser forRequest(
            GenerationRequest request,
            @Nullable String template,
            String promptText,
            Supplier<String> ids) {
        if (!(request.prompt() instanceof Prompt.Chat chat) || template == null) {
            return new AnswerParser(request.stop(), State.TEXT, null, ids);
        }
        @Nullable ToolCallFormat format =
                chat.tools().isEmpty() ? null : ToolCallFormats.of(template).orElse(null);
        if (promptText.stripTrailing().endsWith(THINK)) {
            return new AnswerParser(request.stop(), State.REASONING, format, ids);
        }
        boolean thinks = template.contains(THINK) || template.contains(END_THINK);
        return new AnswerParser(request.stop(), thinks ? State.START : State.TEXT, format, ids);
    }

    private static String randomId() {
        return "call_" + UUID.randomUUID().toString().replace("-", "").substring(0, 24);
    }

    /**
     * Takes the next text of the answer.
     *
     * @param piece decoded text of a token, whole characters; may be empty
     * @param tokens log probabilities of the tokens that the piece is made of; empty if not asked
     *     for
     * @return the events that are certain now
     */
    public List<GenerationEvent> accept(String piece, List<TokenLogprob> tokens) {
        if (!stops.found()) {
            logprobs.add(piece.length(), tokens);
            buffer += stops.accept(piece);
            parse(stops.found());
        }
        return drain();
    }

    /** Takes the end of the answer; returns the last events. */
    public List<GenerationEvent> finish() {
        if (!stops.found()) {
            buffer += stops.finish();
            parse(true);
        }
        return drain();
    }

    /** Whether a stop text came: the answer is over and whatever follows is ignored. */
    public boolean stopped() {
        return stops.found();
    }

    /** Whether a tool call came. */
    public boolean calledTools() {
        return called;
    }

    private List<GenerationEvent> drain() {
        List<GenerationEvent> drained = List.copyOf(events);
        events.clear();
        return drained;
    }

    /** Parses the buffer as far as it can; all of it if the answer is complete. */
    private void parse(boolean complete) {
        boolean more = true;
        while (more && !buffer.isEmpty()) {
            more =
                    switch (state) {
                        case START -> start(complete);
                        case REASONING -> reasoning(complete);
                        case AFTER_REASONING -> afterReasoning();
                        case TEXT -> text(complete);
                    };
        }
    }

    /** Each of these methods tells whether parsing goes on with what is left. */
    private boolean start(boolean complete) {
        int begin = skipSpace(0);
        String rest = buffer.substring(begin);
        if (rest.startsWith(THINK)) {
            skip(begin + THINK.length());
            reasoningBegins = true;
            state = State.REASONING;
            return true;
        }
        if (!complete && THINK.startsWith(rest)) {
            return false;
        }
        state = State.TEXT;
        return true;
    }

    private boolean reasoning(boolean complete) {
        if (reasoningBegins) {
            skip(skipLineEnds());
            reasoningBegins = buffer.isEmpty();
        }
        int closing = buffer.indexOf(END_THINK);
        if (closing >= 0) {
            emitReasoning(withoutLineEnds(closing));
            skip(buffer.indexOf(END_THINK) + END_THINK.length());
            state = State.AFTER_REASONING;
            return true;
        }
        int end = buffer.length();
        if (!complete) {
            end = withoutLineEnds(end - Prefixes.atEnd(buffer, END_THINK));
        }
        emitReasoning(end);
        return false;
    }

    private boolean afterReasoning() {
        skip(skipLineEnds());
        if (!buffer.isEmpty()) {
            state = State.TEXT;
        }
        return true;
    }

    private boolean text(boolean complete) {
        if (calls == null) {
            emitText(buffer.length());
            return false;
        }
        int opening = buffer.indexOf(calls.opening());
        if (opening < 0) {
            int end = buffer.length();
            if (!complete) {
                end = withoutSpace(end - Prefixes.atEnd(buffer, calls.opening()));
            } else if (called && !textSinceCall && buffer.isBlank()) {
                end = 0;
            }
            emitText(end);
            return false;
        }
        int before = withoutSpace(opening);
        emitText(before);
        opening -= before;
        ToolCallFormat.Reading reading = calls.read(buffer.substring(opening), complete);
        switch (reading) {
            case ToolCallFormat.Reading.Incomplete _ -> {
                return false;
            }
            case ToolCallFormat.Reading.NoCall none -> emitText(opening + none.end());
            case ToolCallFormat.Reading.Calls found -> {
                for (ToolCallFormat.Invocation call : found.calls()) {
                    events.add(
                            new GenerationEvent.Call(
                                    new ToolCall(ids.get(), call.name(), call.arguments())));
                }
                called = true;
                textSinceCall = false;
                skip(opening + found.end());
            }
        }
        return true;
    }

    private void emitText(int end) {
        if (end > 0) {
            events.add(new GenerationEvent.Text(buffer.substring(0, end), logprobs.take(end)));
            buffer = buffer.substring(end);
            textSinceCall = true;
        }
    }

    private void emitReasoning(int end) {
        if (end > 0) {
            events.add(new GenerationEvent.Reasoning(buffer.substring(0, end)));
            skip(end);
        }
    }

    /** Drops what belongs to a tag, with the log probabilities of its tokens. */
    private void skip(int end) {
        var _ = logprobs.take(end);
        buffer = buffer.substring(end);
    }

    private int skipLineEnds() {
        int end = 0;
        while (end < buffer.length() && isLineEnd(buffer.charAt(end))) {
            end++;
        }
        return end;
    }

    private int withoutLineEnds(int end) {
        int last = end;
        while (last > 0 && isLineEnd(buffer.charAt(last - 1))) {
            last--;
        }
        return last;
    }

    private static boolean isLineEnd(char character) {
        return character == '\n' || character == '\r';
    }

    private int skipSpace(int start) {
        int end = start;
        while (end < buffer.length() && Character.isWhitespace(buffer.charAt(end))) {
            end++;
        }
        return end;
    }

    private int withoutSpace(int end) {
        int last = end;
        while (last > 0 && Character.isWhitespace(buffer.charAt(last - 1))) {
            last--;
        }
        return last;
    }
}
