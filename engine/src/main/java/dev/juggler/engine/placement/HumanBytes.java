package dev.juggler.engine.placement;

import java.util.Locale;

/** Sizes for people: {@code 5.8 GiB}. */
public final class HumanBytes {
    private HumanBytes() {}

    public static String text(long bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
        double value = bytes;
        int unit = 0;
        while (value >= 1023.95 && unit < units.length - 1) { // what would be shown as 1024.0
            value /= 1024;
            unit++;
        }
        return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
    }
}
