package dev.juggler.launcher.terminal;

import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them. */
public final class Units {
    private Units() {}

    /** E.g. {@code 7.8 MiB}. */
    public static String bytes(long bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < units.length - 1) {
            value /= 1024;
            unit++;
        }
        return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
    }

    /** E.g. {@code 30.5 B} for 30.5 billion. */
    public static String count(long number) {
        if (number >= 1_000_000_000L) {
            return String.format(Locale.ROOT, "%.2f B", number / 1e9);
        }
        if (number >= 1_000_000L) {
            return String.format(Locale.ROOT, "%.2f M", number / 1e6);
        }
        return number >= 10_000 ? String.format(Locale.ROOT, "%.1f k", number / 1e3) : "" + number;
    }

    /** E.g. {@code 1.25 s}, {@code 310 ms}. */
    public static String duration(Duration duration) {
        long millis = duration.toMillis();
        return millis < 1000
                ? millis + " ms"
                : String.format(Locale.ROOT, "%.2f s", millis / 1000.0);
    }
}
