package dev.juggler.engine.template.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * How one value is formatted by {@code %} and by {@code str.format}.
 *
 * @param fill fills up to the width
 * @param align {@code <}, {@code >}, {@code ^}, {@code =} (between sign and digits), or none: 0
 * @param sign {@code +}, blank or {@code -}
 * @param alternate with {@code 0x} and the like
 * @param width characters at least
 * @param group the separator of thousands, or 0
 * @param precision -1 if not given
 * @param type the conversion, or 0
 */
record NumberFormat(
        String fill,
        char align,
        char sign,
        boolean alternate,
        int width,
        char group,
        int precision,
        char type) {

    String format(Object value) {
        String text = body(value);
        char alignment = align == 0 ? (Values.isNumber(value) && type != 's' ? '>' : '<') : align;
        int missing = Math.max(0, width - PythonText.length(text));
        if (missing == 0) {
            return text;
        }
        int before =
                switch (alignment) {
                    case '>' -> missing;
                    case '^' -> missing / 2;
                    default -> 0;
                };
        if (alignment == '=') {
            int digits = !text.isEmpty() && "+- ".indexOf(text.charAt(0)) >= 0 ? 1 : 0;
            return text.substring(0, digits) + fill.repeat(missing) + text.substring(digits);
        }
        return fill.repeat(before) + text + fill.repeat(missing - before);
    }

    private String body(Object value) {
        return switch (type) {
            case 's' -> cut(Values.text(value));
            case 0 -> plain(value);
            case 'd', 'i', 'u', 'x', 'X', 'o', 'b', 'c' ->
                    integer(
                            value instanceof Double number
                                    ? (long) (double) number
                                    : Values.requireInteger(value));
            case 'f', 'F', 'e', 'E', 'g', 'G', '%' -> {
                if (!Values.isNumber(value)) {
                    throw TemplateException.evaluation(
                            "must be real number, not " + Values.typeName(value));
                }
                yield decimal(Numbers.toDouble(value));
            }
            default -> throw TemplateException.evaluation("unknown format code '" + type + "'");
        };
    }

    private String plain(Object value) {
        return switch (value) {
            case Long number -> integer(number);
            case Double number when precision < 0 ->
                    signed(number < 0, Representation.number(Math.abs(number)));
            case Double number -> signed(number < 0, general(Math.abs(number)));
            default -> cut(Values.text(value));
        };
    }

    private String cut(String text) {
        return precision < 0 || PythonText.length(text) <= precision
                ? text
                : text.substring(0, text.offsetByCodePoints(0, precision));
    }

    private String integer(long value) {
        String digits =
                switch (type) {
                    case 'x', 'X' -> (alternate ? "0x" : "") + Long.toHexString(Math.abs(value));
                    case 'o' -> (alternate ? "0o" : "") + Long.toOctalString(Math.abs(value));
                    case 'b' -> (alternate ? "0b" : "") + Long.toBinaryString(Math.abs(value));
                    case 'c' -> Character.toString((int) value);
                    default -> grouped(Long.toString(Math.abs(value)));
                };
        return signed(value < 0, type == 'X' ? digits.toUpperCase(Locale.ROOT) : digits);
    }

    private String decimal(double value) {
        double size = Math.abs(value);
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return signed(value < 0, Representation.number(size));
        }
        int digits = precision < 0 ? 6 : precision;
        String text =
                switch (type) {
                    case 'f', 'F' -> grouped(fixed(size, digits));
                    case '%' -> fixed(size * 100, digits) + "%";
                    case 'e', 'E' -> exponent(size, digits);
                    default -> general(size);
                };
        boolean negative = value < 0 || (value == 0 && 1 / value < 0);
        return signed(negative, Character.isUpperCase(type) ? text.toUpperCase(Locale.ROOT) : text);
    }

    private static String fixed(double size, int digits) {
        return new BigDecimal(size).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
    }

    private static String exponent(double size, int digits) {
        BigDecimal exact = new BigDecimal(size);
        BigDecimal rounded =
                exact.round(new java.math.MathContext(digits + 1, RoundingMode.HALF_EVEN));
        int power = rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        String mantissa =
                rounded.movePointLeft(power)
                        .setScale(digits, RoundingMode.HALF_EVEN)
                        .toPlainString();
        return "%se%s%02d".formatted(mantissa, power < 0 ? "-" : "+", Math.abs(power));
    }

    /** Up to {@code precision} significant digits, without zeros at the end. */
    private String general(double size) {
        int digits = precision < 0 ? 6 : Math.max(1, precision);
        String scientific = exponent(size, digits - 1);
        int split = scientific.indexOf('e');
        int power = Integer.parseInt(scientific.substring(split + 1));
        boolean plain = power >= -4 && power < digits;
        String text = plain ? fixed(size, digits - 1 - power) : scientific.substring(0, split);
        if (text.contains(".") && !alternate) {
            text = text.replaceAll("\\.?0+$", "");
        }
        return plain ? text : text + scientific.substring(split);
    }

    private String grouped(String digits) {
        if (group == 0) {
            return digits;
        }
        int point = digits.indexOf('.');
        StringBuilder out = new StringBuilder(digits);
        for (int i = (point < 0 ? digits.length() : point) - 3; i > 0; i -= 3) {
            out.insert(i, group);
        }
        return out.toString();
    }

    private String signed(boolean negative, String text) {
        if (negative) {
            return "-" + text;
        }
        return sign == '+' ? "+" + text : sign == ' ' ? " " + text : text;
    }
}
