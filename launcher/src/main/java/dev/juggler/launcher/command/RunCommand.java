package dev.juggler.launcher.command;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.terminal.StandardInput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler run}: one answer. */
@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        description = {
            "Answers one prompt, streamed to the terminal.",
            "",
            "  juggler run \"tell me a joke\"",
            "  juggler run qwen3 \"tell me a joke\"          a configured model",
            "  juggler run -m model.gguf \"tell me a joke\"   a file",
            "  juggler run \"sum up:\" - < text.txt          the prompt, then standard input",
            "  juggler run MODEL --raw --greedy --ids \"1,2,3\" --max-tokens 8 --json",
            ""
        })
final class RunCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..*",
            paramLabel = "[MODEL] PROMPT",
            description =
                    "the prompt; before it a model: a configured name, or the path of a GGUF file")
    private List<String> words = new ArrayList<>();

    @Option(
            names = {"-m", "--model"},
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private @Nullable String model;

    @Option(
            names = {"-s", "--system"},
            paramLabel = "TEXT",
            description = "the system message")
    private @Nullable String system;

    @Option(
            names = {"-n", "--max-tokens"},
            paramLabel = "N",
            description = "most tokens to generate; else what the context leaves")
    private @Nullable Integer maxTokens;

    @Option(names = "--stop", paramLabel = "TEXT", description = "ends the answer; may be repeated")
    private List<String> stop = new ArrayList<>();

    @Option(names = "--raw", description = "the prompt as it is, without the chat template")
    private boolean raw;

    @Option(
            names = "--ids",
            paramLabel = "IDS",
            description = {
                "token ids as the prompt, e.g. \"1,2,3\"; nothing is added to them, and the end of text",
                "does not stop the generation: exactly --max-tokens ids come"
            })
    private @Nullable String ids;

    @Option(names = "--ignore-eos", description = "go on after the model ends its answer")
    private boolean ignoreEndOfText;

    @Option(
            names = "--no-think",
            description =
                    "ask the template for an answer without reasoning (enable_thinking=false)")
    private boolean noThink;

    @Option(
            names = "--exact",
            description = "F32 activations and F32 key-value cache, for comparisons")
    private boolean exact;

    @Option(
            names = "--json",
            description = "print one JSON object: prompt ids, generated ids, text and timings")
    private boolean json;

    @Mixin private SamplingOptions sampling = new SamplingOptions();
    @Mixin private CommonOptions common = new CommonOptions();
    @Mixin private MemoryOptions memory = new MemoryOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws InterruptedException, IOException {
        Logging.beQuiet();
        Configuration configuration = memory.apply(common.configuration());
        takeModelFromWords(configuration);
        ModelArgument chosen = ModelArgument.resolve(configuration, model);
        // Standard input is read behind this: the wiring may have to start the JVM anew.
        try (Wiring wiring = Wiring.engine(Exactness.apply(chosen.configuration(), exact))) {
            Prompt prompt = prompt();
            Inference inference = wiring.inference();
            GenerationRequest request =
                    new GenerationRequest(
                            chosen.name(),
                            prompt,
                            sampling.sampling(),
                            maxTokens,
                            stop,
                            ignoreEndOfText || ids != null,
                            null,
                            null);
            try (Generation generation = inference.submit(request)) {
                AnswerPrinter printer = new AnswerPrinter(spec.commandLine());
                if (json) {
                    printer.printJson(generation);
                } else {
                    printer.stream(generation);
                    printer.printTimings();
                }
            }
        }
        return 0;
    }

    /**
     * {@code run MODEL PROMPT}, as Ollama's users write it: a first word that is a model is one.
     */
    private void takeModelFromWords(Configuration configuration) {
        if (model != null || words.isEmpty()) {
            return;
        }
        String first = words.getFirst();
        boolean named =
                ModelArgument.configured(configuration).contains(first) || first.endsWith(".gguf");
        boolean otherPrompt = words.size() > 1 || ids != null || !StandardInput.isTerminal();
        if (named && otherPrompt) {
            model = first;
            words = words.subList(1, words.size());
        }
    }

    private Prompt prompt() throws IOException {
        if (ids != null) {
            return new Prompt.Tokens(TokenIds.parse(ids, "--ids"));
        }
        String text = text();
        if (raw) {
            return new Prompt.Text(text, true);
        }
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(Message.of("system", system));
        }
        messages.add(Message.of("user", text));
        return new Prompt.Chat(
                messages, List.of(), noThink ? Map.of("enable_thinking", false) : Map.of());
    }

    private String text() throws IOException {
        boolean appendInput = !words.isEmpty() && words.getLast().equals("-");
        String text = String.join(" ", appendInput ? words.subList(0, words.size() - 1) : words);
        if (appendInput || (words.isEmpty() && !StandardInput.isTerminal())) {
            String input = StandardInput.read();
            text = text.isEmpty() ? input : text + "\n\n" + input;
        }
        if (text.isEmpty()) {
            throw new UserException("there is no prompt: give one, e.g. juggler run \"hello\"", 2);
        }
        return text;
    }
}
