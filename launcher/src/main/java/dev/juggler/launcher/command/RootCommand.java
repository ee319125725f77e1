package dev.juggler.launcher.command;

import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.BackendException;
import dev.juggler.launcher.Version;
import dev.juggler.launcher.config.ConfigurationException;
import java.util.Objects;
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
                    + " 2 wrong usage or does not fit.",
            "Shell completion: source <(juggler generate-completion)"
        },
        commandListHeading = "%nCommands:%n",
        subcommands = {
            ServeCommand.class,
            RunCommand.class,
            ChatCommand.class,
            PlanCommand.class,
            BenchCommand.class,
            ModelsCommand.class,
            PluginsCommand.class,
            DoctorCommand.class,
            TokenizeCommand.class,
            RenderCommand.class,
            LogitsCommand.class,
            TrainCommand.class,
            AutoComplete.GenerateCompletion.class,
            CommandLine.HelpCommand.class
        })
public final class RootCommand implements Runnable {
    /** The code of a command that has started something which goes on. */
    public static final int KEEP_RUNNING = -1;

    @Spec private CommandSpec spec = CommandSpec.create();

    /** The parsed command line, ready to execute. */
    public static CommandLine commandLine() {
        CommandLine line = new CommandLine(new RootCommand());
        line.setExecutionExceptionHandler(RootCommand::explain);
        line.setUsageHelpAutoWidth(true);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        Objects.requireNonNull(line.getSubcommands().get("generate-completion"))
                .getCommandSpec()
                .usageMessage()
                .hidden(true);
        return line;
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
