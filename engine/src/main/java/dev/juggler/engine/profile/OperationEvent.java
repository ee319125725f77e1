package dev.juggler.engine.profile;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * One operation of a step, for Java Flight Recorder. Recorded only if a recording that was started
 * before the model is loaded asks for it, because it costs some speed: {@code
 * -XX:StartFlightRecording:+dev.juggler.Operation#enabled=true}.
 */
@Name("dev.juggler.Operation")
@Label("Operation")
@Category("Juggler")
@Description("One operation of a step")
@Enabled(false)
@StackTrace(false)
final class OperationEvent extends Event {
    @Label("Phase")
    String phase = "";

    @Label("Operation")
    String operation = "";

    @Label("Rows")
    int rows;

    @Label("Weight bytes")
    @DataAmount
    long bytes;
}
