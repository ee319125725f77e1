package dev.juggler.launcher.command;

import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.BackendException;
import dev.juggler.launcher.Version;
import dev.juggler.launcher.config.ConfigurationException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code juggler}: says what there is to do. */
@Command(
        name = "juggler",
        mixinStandardHelpOptions = true,
        versionProvider = RootCommand.ProjectVersion.class,
        synopsisSubcommandLabel = "COMMAND",
        description = {
            "Runs mixture-of-experts language models that do not fit a GPU, and serves them to OpenAI and"
                    + " Ollama clients.",
            ""
        },
        footer = {
            "",
            "Without a configuration Juggler serves its built-in demo model. Exit codes: 0 done, 1 failed,"
                    + " 2 wrong usage or does not fit, 3 not supported (models show).",
            "Shell completion: source <(juggler generate-completion)"
        },
        commandListHeading = "%nCommands:%n")
public final class RootCommand implements Runnable {
    /** The code of a command that has started something which goes on. */
    public static final int KEEP_RUNNING = -1;

    private static final Map<String, Supplier<Object>> COMMANDS = commands();

    @Spec private CommandSpec spec = CommandSpec.create();

    /**
     * The command line for these arguments. Reading the annotations of a dozen commands takes as
     * long as loading a small model, so where the first word names a command, only that one is
     * read.
     */
    public static CommandLine commandLine(String... arguments) {
        CommandLine line = new CommandLine(new RootCommand());
        Supplier<Object> named = arguments.length == 0 ? null : COMMANDS.get(arguments[0]);
        if (named != null) {
            line.addSubcommand(named.get());
        } else {
            COMMANDS.values().forEach(command -> line.addSubcommand(command.get()));
            line.addSubcommand(new AutoComplete.GenerateCompletion());
            line.addSubcommand(new CommandLine.HelpCommand());
            Objects.requireNonNull(line.getSubcommands().get("generate-completion"))
                    .getCommandSpec()
                    .usageMessage()
                    .hidden(true);
        }
        // One writer each for all commands, so that the end of main flushes what any of them wrote.
        line.setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
        line.setExecutionExceptionHandler(RootCommand::explain);
        line.setUsageHelpAutoWidth(true);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        return line;
    }

    private static Map<String, Supplier<Object>> commands() {
        Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
        commands.put("serve", ServeCommand::new);
        commands.put("run", RunCommand::new);
        commands.put("chat", ChatCommand::new);
        commands.put("plan", PlanCommand::new);
        commands.put("bench", BenchCommand::new);
        commands.put("profile", ProfileCommand::new);
        commands.put("models", ModelsCommand::new);
        commands.put("plugins", PluginsCommand::new);
        commands.put("doctor", DoctorCommand::new);
        commands.put("tokenize", TokenizeCommand::new);
        commands.put("render", RenderCommand::new);
        commands.put("logits", LogitsCommand::new);
        commands.put("tck", TckCommand::new);
        commands.put("train", TrainCommand::new);
        return commands;
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /** What a user can mend is told in one line; anything else is a defect and shows where. */
    private static int explain(
            Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        String message = String.valueOf(failure.getMessage());
        if (failure instanceof UserException user) {
            command.getErr().println("juggler: " + message);
            return user.exitCode();
        }
        boolean mendable =
                failure instanceof ConfigurationException
                        || failure instanceof BackendException
                        || failure instanceof InferenceException
                        || EngineFailures.isMendable(failure);
        command.getErr().println("juggler: " + (mendable ? message : failure));
        if (!mendable || CommonOptions.isVerbose(command)) {
            failure.printStackTrace(command.getErr());
        }
        return CommandLine.ExitCode.SOFTWARE;
    }

    /** {@code juggler --version}. */
    static final class ProjectVersion implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {
                "juggler " + Version.text(),
                "Java " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")"
            };
        }
    }
}
