package dev.juggler.engine.scheduler;

/** How a sequence ended. */
public enum Ending {
    /** The model ended it with an end-of-generation token. */
    END_OF_TEXT,
    /** It has as many tokens as it may. */
    LENGTH,
    /** Its consumer does not want more, or the engine was stopped. */
    CANCELLED,
    /** It failed; taking from it throws the reason. */
    FAILED
}
