package dev.juggler.engine.template;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** The formats of C's {@code strftime} in its default locale, with {@code %-d} for no zeros. */
final class DateFormat {
    private static final Locale ENGLISH = Locale.ENGLISH;

    private DateFormat() {}

    static String format(String format, ZonedDateTime time) {
        StringBuilder out = new StringBuilder();
        int at = 0;
        while (at < format.length()) {
            boolean bare = format.startsWith("%-", at) && at + 2 < format.length();
            int code = at + (bare ? 2 : 1);
            if (format.charAt(at) != '%' || code >= format.length()) {
                out.append(format.charAt(at));
                at++;
                continue;
            }
            String field = field(format.charAt(code), time);
            out.append(bare ? withoutZeros(field) : field);
            at = code + 1;
        }
        return out.toString();
    }

    private static String withoutZeros(String field) {
        int start = 0;
        while (start < field.length() - 1 && field.charAt(start) == '0') {
            start++;
        }
        return field.substring(start);
    }

    private static String field(char code, ZonedDateTime time) {
        return switch (code) {
            case 'Y' -> Integer.toString(time.getYear());
            case 'y' -> two(time.getYear() % 100);
            case 'C' -> two(time.getYear() / 100);
            case 'G' -> Integer.toString(time.get(IsoFields.WEEK_BASED_YEAR));
            case 'V' -> two(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
            case 'm' -> two(time.getMonthValue());
            case 'B' -> time.getMonth().getDisplayName(TextStyle.FULL, ENGLISH);
            case 'b', 'h' -> time.getMonth().getDisplayName(TextStyle.SHORT, ENGLISH);
            case 'd' -> two(time.getDayOfMonth());
            case 'e' -> "%2d".formatted(time.getDayOfMonth());
            case 'j' -> "%03d".formatted(time.getDayOfYear());
            case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, ENGLISH);
            case 'a' -> time.getDayOfWeek().getDisplayName(TextStyle.SHORT, ENGLISH);
            case 'u' -> Integer.toString(time.getDayOfWeek().getValue());
            case 'w' -> Integer.toString(time.getDayOfWeek().getValue() % 7);
            case 'U' -> two((time.getDayOfYear() + 6 - time.getDayOfWeek().getValue() % 7) / 7);
            case 'W' -> two((time.getDayOfYear() + 7 - time.getDayOfWeek().getValue()) / 7);
            case 'H' -> two(time.getHour());
            case 'I' -> two(time.get(ChronoField.CLOCK_HOUR_OF_AMPM));
            case 'M' -> two(time.getMinute());
            case 'S' -> two(time.getSecond());
            case 'f' -> "%06d".formatted(time.getNano() / 1000);
            case 'p' -> time.getHour() < 12 ? "AM" : "PM";
            case 's' -> Long.toString(time.toEpochSecond());
            case 'z' -> DateTimeFormatter.ofPattern("xx", ENGLISH).format(time);
            case 'Z' -> DateTimeFormatter.ofPattern("zzz", ENGLISH).format(time);
            case 'c' -> format("%a %b %e %H:%M:%S %Y", time);
            case 'x', 'D' -> format("%m/%d/%y", time);
            case 'X', 'T' -> format("%H:%M:%S", time);
            case 'F' -> format("%Y-%m-%d", time);
            case 'R' -> format("%H:%M", time);
            case 'r' -> format("%I:%M:%S %p", time);
            case 'n' -> "\n";
            case 't' -> "\t";
            case '%' -> "%";
            default -> "%" + code;
        };
    }

    private static String two(int number) {
        return "%02d".formatted(number);
    }
}
