package dev.juggler.launcher.command;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;

/** How much is logged. */
final class Logging {
    private Logging() {}

    /** Logs what developers want to see. */
    static void beVerbose() {
        if (LoggerFactory.getLogger("dev.juggler") instanceof Logger logger) {
            logger.setLevel(Level.DEBUG);
        }
    }

    /** Logs only what needs attention: for commands whose output is for people or programs. */
    static void beQuiet() {
        if (LoggerFactory.getLogger("dev.juggler") instanceof Logger logger
                && logger.getLevel() != Level.DEBUG) {
            logger.setLevel(Level.WARN);
        }
    }
}
