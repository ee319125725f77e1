package dev.juggler.engine.profile;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** An expert takes the place of another in fast memory: for Java Flight Recorder. */
@Name("dev.juggler.ExpertMove")
@Label("Expert move")
@Category("Juggler")
@Description("An expert takes the place of another in the memory of a device")
@StackTrace(false)
public final class ExpertMoveEvent extends Event {
    /** The device. */
    @Label("Device")
    public String device = "";

    /** The layer. */
    @Label("Layer")
    public int layer;

    /** Who comes. */
    @Label("Expert")
    public int expert;

    /** Whose place it takes. */
    @Label("Gone")
    public int gone;

    /** What is copied. */
    @Label("Bytes")
    @DataAmount
    public long bytes;
}
