package dev.juggler.launcher.command;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.launcher.Wiring;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler chat}: a conversation with history and line editing. */
@Command(
        name = "chat",
        mixinStandardHelpOptions = true,
        description = {
            "A conversation in the terminal. /help lists what can be typed besides text.",
            "Several lines: between \"\"\" and \"\"\"; or Alt-Enter or a backslash at the end of a line"
                    + " instead of Enter. Pasted lines stay together.",
            "Ctrl-C stops an answer, Ctrl-D or /bye ends the conversation."
        })
final class ChatCommand implements Callable<Integer> {
    private static final String HELP =
            """
            /system TEXT   set the system message, /system alone removes it
            /clear         forget the conversation
            /undo          take the last question and its answer back
            /bye           leave (also Ctrl-D)
            \"""           begins a message of several lines, until \""" again
            ... \\          a backslash at the end, or Alt-Enter: the message goes on
            """;

    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private @Nullable String model;

    @Option(
            names = {"-s", "--system"},
            paramLabel = "TEXT",
            description = "the system message")
    private @Nullable String system;

    @Option(
            names = "--no-think",
            description = "ask the template for answers without reasoning (enable_thinking=false)")
    private boolean noThink;

    @Mixin private SamplingOptions sampling = new SamplingOptions();
    @Mixin private CommonOptions common = new CommonOptions();
    @Mixin private MemoryOptions memory = new MemoryOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    private final List<Message> conversation = new ArrayList<>();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Logging.beQuiet();
        ModelArgument chosen = ModelArgument.resolve(memory.apply(common.configuration()), model);
        try (Wiring wiring = Wiring.engine(chosen.configuration());
                Terminal terminal = TerminalBuilder.builder().system(true).dumb(true).build()) {
            Inference inference = wiring.inference();
            inference.load(chosen.name(), null);
            LineReader reader = reader(terminal);
            terminal.writer()
                    .println(
                            "Talking to %s. /help for help, Ctrl-D to leave."
                                    .formatted(chosen.name()));
            converse(reader, inference, chosen.name());
        }
        return 0;
    }

    private void converse(LineReader reader, Inference inference, String name)
            throws InterruptedException {
        while (true) {
            TypedMessage typed;
            try {
                typed = TypedMessage.read(reader::readLine);
            } catch (UserInterruptException e) {
                continue;
            } catch (EndOfFileException e) {
                return;
            }
            String line = typed.text();
            if (typed.quoted() && !line.isEmpty()) {
                answer(line, inference, name, reader.getTerminal());
            } else if (line.equals("/bye") || line.equals("/exit")) {
                return;
            } else if (line.startsWith("/")) {
                command(line, reader.getTerminal());
            } else if (!line.isEmpty()) {
                answer(line, inference, name, reader.getTerminal());
            }
        }
    }

    private void command(String line, Terminal terminal) {
        String[] parts = line.split("\\s+", 2);
        switch (parts[0]) {
            case "/system" -> system = parts.length > 1 ? parts[1] : null;
            case "/clear" -> conversation.clear();
            case "/undo" -> {
                if (conversation.size() >= 2) {
                    conversation.subList(conversation.size() - 2, conversation.size()).clear();
                }
            }
            default -> terminal.writer().print(HELP);
        }
        terminal.flush();
    }

    private void answer(String question, Inference inference, String name, Terminal terminal)
            throws InterruptedException {
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(Message.of("system", system));
        }
        messages.addAll(conversation);
        messages.add(Message.of("user", question));
        Prompt prompt =
                new Prompt.Chat(
                        messages, List.of(), noThink ? Map.of("enable_thinking", false) : Map.of());
        try (Generation generation =
                inference.submit(GenerationRequest.of(name, prompt, sampling.sampling()))) {
            AnswerPrinter printer = new AnswerPrinter(spec.commandLine());
            Terminal.SignalHandler before =
                    terminal.handle(Terminal.Signal.INT, signal -> stop(generation));
            try {
                printer.stream(generation);
            } finally {
                terminal.handle(Terminal.Signal.INT, before);
            }
            printer.printTimings();
            conversation.add(Message.of("user", question));
            conversation.add(Message.of("assistant", printer.answer()));
        } catch (InferenceException e) {
            terminal.writer().println(e.getMessage());
            terminal.flush();
        }
    }

    /** Text, not shell words: an apostrophe opens nothing that a later line would have to close. */
    private static DefaultParser parser() {
        DefaultParser parser = new DefaultParser();
        parser.setQuoteChars(new char[0]);
        parser.setEscapeChars(new char[0]);
        return parser;
    }

    private static void stop(Generation generation) {
        generation.close();
    }

    private static LineReader reader(Terminal terminal) throws IOException {
        Path history =
                Path.of(System.getProperty("user.home"), ".local", "state", "juggler", "history");
        Files.createDirectories(history.getParent());
        return LineReaderBuilder.builder()
                .terminal(terminal)
                .appName("juggler")
                .parser(parser())
                .completer(new StringsCompleter("/help", "/system", "/clear", "/undo", "/bye"))
                .variable(LineReader.HISTORY_FILE, history)
                .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                .build();
    }
}
