package dev.juggler.launcher;

import dev.juggler.launcher.command.RootCommand;
import dev.juggler.launcher.terminal.StandardError;
import picocli.CommandLine;

/** The entry point of the juggler command. */
public final class Juggler {
    private Juggler() {}

    /**
     * Runs one command and exits with its code: 0 done, 1 failed, 2 wrong usage or does not fit, 3
     * not supported.
     */
    public static void main(String[] arguments) {
        StandardError.connect();
        CommandLine line = RootCommand.commandLine(arguments);
        int code = line.execute(arguments);
        line.getOut().flush();
        line.getErr().flush();
        if (code != RootCommand.KEEP_RUNNING) {
            System.exit(code);
        }
    }
}
