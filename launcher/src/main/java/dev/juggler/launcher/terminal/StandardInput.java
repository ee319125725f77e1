package dev.juggler.launcher.terminal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Where prompts come from that are not on the command line. */
public final class StandardInput {
    private static final String IS_TERMINAL = "dev.juggler.stdin.terminal";

    private StandardInput() {}

    /** True if a person types; waiting for the end of the input would look like hanging. */
    public static boolean isTerminal() {
        return Boolean.parseBoolean(System.getProperty(IS_TERMINAL, "true"));
    }

    /** All of it, without blanks at its ends. */
    public static String read() throws IOException {
        return new String(System.in.readAllBytes(), StandardCharsets.UTF_8).strip();
    }
}
