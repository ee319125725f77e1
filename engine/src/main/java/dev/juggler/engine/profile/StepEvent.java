package dev.juggler.engine.profile;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** One step of the engine: for Java Flight Recorder, on any running server. */
@Name("dev.juggler.Step")
@Label("Step")
@Category("Juggler")
@Description("One forward pass over rows of many sequences, and the choice of their next tokens")
@StackTrace(false)
public final class StepEvent extends Event {
    /** Name of the model. */
    @Label("Model")
    public String model = "";

    /** Sequences that take part. */
    @Label("Sequences")
    public int sequences;

    /** Rows (tokens) computed. */
    @Label("Rows")
    public int rows;

    /** Nanoseconds of the forward pass; an asynchronous device may only have been told. */
    @Label("Forward")
    @Timespan
    public long forward;

    /** Nanoseconds of waiting for the logits and choosing tokens. */
    @Label("Sampling")
    @Timespan
    public long sampling;
}
