package dev.juggler.launcher.terminal;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.LayoutBase;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;

/** A line of the log: time, level, the class's simple name, the message. */
final class LogLines extends LayoutBase<ILoggingEvent> {
    private static final int WIDEST_LEVEL = 5;

    @Override
    public String doLayout(ILoggingEvent event) {
        LocalTime time =
                LocalTime.ofInstant(
                                Instant.ofEpochMilli(event.getTimeStamp()), ZoneId.systemDefault())
                        .truncatedTo(ChronoUnit.MILLIS);
        String level = event.getLevel().toString();
        String logger = event.getLoggerName();
        StringBuilder line = new StringBuilder(time.toString());
        // LocalTime leaves out what is zero
        line.append("00:00:00.000".substring(Math.min(line.length(), "00:00:00.000".length())));
        line.append(' ').append(level).append(" ".repeat(WIDEST_LEVEL - level.length() + 1));
        line.append(logger.substring(logger.lastIndexOf('.') + 1)).append(' ');
        line.append(event.getFormattedMessage()).append(System.lineSeparator());
        if (event.getThrowableProxy() != null) {
            line.append(ThrowableProxyUtil.asString(event.getThrowableProxy()))
                    .append(System.lineSeparator());
        }
        return line.toString();
    }
}
