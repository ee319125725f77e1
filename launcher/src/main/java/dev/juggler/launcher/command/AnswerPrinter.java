package dev.juggler.launcher.command;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.ToolCall;
import dev.juggler.inference.Usage;
import dev.juggler.launcher.terminal.StandardError;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import tools.jackson.databind.ObjectMapper;

/** Shows a generation: as it comes for people, whole for programs. */
final class AnswerPrinter {
    private static final String FAINT = "\u001b[2m";
    private static final String PLAIN = "\u001b[0m";

    private final PrintWriter out;
    private final PrintWriter err;
    private final StringBuilder answer = new StringBuilder();
    private GenerationEvent.@Nullable Finished finished;

    AnswerPrinter(CommandLine command) {
        out = command.getOut();
        err = command.getErr();
    }

    /** Prints the answer as it comes; reasoning is faint and goes to standard error. */
    void stream(Generation generation) throws InterruptedException {
        boolean reasoning = false;
        while (finished == null) {
            GenerationEvent event = generation.next();
            if (reasoning && !(event instanceof GenerationEvent.Reasoning)) {
                err.println(StandardError.isTerminal() ? PLAIN : "");
                err.flush();
                reasoning = false;
            }
            switch (event) {
                case GenerationEvent.Started _ -> {}
                case GenerationEvent.Reasoning part -> {
                    err.print(
                            (!reasoning && StandardError.isTerminal() ? FAINT : "") + part.text());
                    err.flush();
                    reasoning = true;
                }
                case GenerationEvent.Text part -> {
                    answer.append(part.text());
                    out.print(part.text());
                    out.flush();
                }
                case GenerationEvent.Call call -> out.println(describe(call.call()));
                case GenerationEvent.Finished end -> finished = end;
            }
        }
        out.println();
        out.flush();
    }

    /** The text of the answer so far. */
    String answer() {
        return answer.toString();
    }

    /** One faint line on a terminal: how many tokens, how fast. */
    void printTimings() {
        GenerationEvent.Finished end = finished;
        if (end == null || !StandardError.isTerminal()) {
            return;
        }
        Usage usage = end.usage();
        err.printf(
                Locale.ROOT,
                "%s%d tokens in the prompt (%.1f/s), %d generated (%.1f/s)%s%s%n",
                FAINT,
                usage.promptTokens(),
                perSecond(usage.promptTokens(), usage.promptTime()),
                usage.generatedTokens(),
                perSecond(Math.max(0, usage.generatedTokens() - 1), usage.generationTime()),
                end.reason() == GenerationEvent.FinishReason.LENGTH ? ", cut at the limit" : "",
                PLAIN);
        err.flush();
    }

    /** Waits for the end and prints one JSON object. */
    void printJson(Generation generation) throws InterruptedException {
        List<Integer> promptIds = List.of();
        StringBuilder reasoning = new StringBuilder();
        Map<String, Object> result = new LinkedHashMap<>();
        List<Map<String, Object>> calls = new java.util.ArrayList<>();
        while (finished == null) {
            switch (generation.next()) {
                case GenerationEvent.Started started -> promptIds = started.promptIds();
                case GenerationEvent.Reasoning part -> reasoning.append(part.text());
                case GenerationEvent.Text part -> answer.append(part.text());
                case GenerationEvent.Call call ->
                        calls.add(
                                Map.of(
                                        "name", call.call().name(),
                                        "arguments", call.call().arguments()));
                case GenerationEvent.Finished end -> finished = end;
            }
        }
        result.put("model", generation.model());
        result.put("prompt_ids", promptIds);
        result.put("ids", finished.generatedIds());
        result.put("text", answer.toString());
        if (!reasoning.isEmpty()) {
            result.put("reasoning", reasoning.toString());
        }
        if (!calls.isEmpty()) {
            result.put("tool_calls", calls);
        }
        result.put("finish_reason", finished.reason().name().toLowerCase(Locale.ROOT));
        result.put("timings", timings(finished.usage()));
        out.println(new ObjectMapper().writeValueAsString(result));
        out.flush();
    }

    private static Map<String, Object> timings(Usage usage) {
        Map<String, Object> timings = new LinkedHashMap<>();
        timings.put("load_ms", millis(usage.load()));
        timings.put("queued_ms", millis(usage.queued()));
        timings.put("prompt_tokens", usage.promptTokens());
        timings.put("prompt_ms", millis(usage.promptTime()));
        timings.put("generated_tokens", usage.generatedTokens());
        timings.put("generation_ms", millis(usage.generationTime()));
        timings.put("total_ms", millis(usage.total()));
        return timings;
    }

    private static double millis(Duration duration) {
        return duration.toNanos() / 1e6;
    }

    private static double perSecond(int tokens, Duration time) {
        return time.isZero() ? 0 : tokens * 1e9 / time.toNanos();
    }

    private String describe(ToolCall call) {
        return call.name() + "(" + new ObjectMapper().writeValueAsString(call.arguments()) + ")";
    }
}
