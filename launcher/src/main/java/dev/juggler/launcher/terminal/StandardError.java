package dev.juggler.launcher.terminal;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Where messages to people go. The launcher script filters one warning of the JVM out of the
 * process's standard error, and hands the real one over as a file; see the script.
 */
public final class StandardError {
    private static final String FILE = "dev.juggler.stderr";
    private static final String IS_TERMINAL = "dev.juggler.stderr.terminal";

    private StandardError() {}

    /** Lets {@code System.err} write to the real standard error where the script says so. */
    public static void connect() {
        String file = System.getProperty(FILE);
        if (file == null) {
            return;
        }
        try {
            // Appending, so that a log file that standard error is redirected to is not cut.
            System.setErr(
                    new PrintStream(
                            new FileOutputStream(file, true), true, StandardCharsets.UTF_8));
        } catch (IOException e) {
            // A socket cannot be opened this way; the filtered stream does as well.
        }
    }

    /** True if a person watches standard error: progress may be drawn. */
    public static boolean isTerminal() {
        return Boolean.getBoolean(IS_TERMINAL);
    }
}
