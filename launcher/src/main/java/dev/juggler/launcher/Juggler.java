package dev.juggler.launcher;

import dev.juggler.launcher.command.RootCommand;
import dev.juggler.launcher.terminal.StandardError;

/** The entry point of the juggler command. */
public final class Juggler {
    private Juggler() {}

    /** Runs one command and exits with its code: 0 done, 1 failed, 2 wrong usage or does not fit. */
    public static void main(String[] arguments) {
        StandardError.connect();
        int code = RootCommand.commandLine().execute(arguments);
        System.out.flush();
        if (code != RootCommand.KEEP_RUNNING) {
            System.exit(code);
        }
    }
}
