package dev.juggler.engine.template.jinja;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;

/** Python's {@code repr()}. */
final class Representation {
    private Representation() {}

    static String of(Object value) {
        StringBuilder out = new StringBuilder();
        append(value, out);
        return out.toString();
    }

    private static void append(Object value, StringBuilder out) {
        switch (value) {
            case String text -> quote(text, out);
            case Boolean truth -> out.append(truth ? "True" : "False");
            case Double number -> out.append(number(number));
            case Undefined _ -> out.append("Undefined");
            case Sequences.Range range -> out.append(range);
            case Sequences.View view -> out.append(view);
            case List<?> list -> sequence("[", list, "]", out);
            case Tuple tuple ->
                    sequence("(", tuple.items(), tuple.items().size() == 1 ? ",)" : ")", out);
            case Map<?, ?> map -> {
                out.append('{');
                String separator = "";
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(separator);
                    append(entry.getKey(), out);
                    out.append(": ");
                    append(entry.getValue(), out);
                    separator = ", ";
                }
                out.append('}');
            }
            case Namespace namespace -> {
                out.append("<Namespace ");
                append(namespace.attributes(), out);
                out.append('>');
            }
            case Callable _ -> out.append("<function>");
            default -> out.append(value);
        }
    }

    private static void sequence(String open, List<?> items, String close, StringBuilder out) {
        out.append(open);
        String separator = "";
        for (Object item : items) {
            out.append(separator);
            append(item, out);
            separator = ", ";
        }
        out.append(close);
    }

    /** The shortest text that reads back as this number; exponents below -4 and from 16 on. */
    static String number(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        int exponent = decimal.precision() - decimal.scale() - 1;
        if (exponent < -4 || exponent >= 16) {
            String digits = decimal.unscaledValue().abs().toString();
            String mantissa =
                    digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
            String sign = exponent < 0 ? "-" : "+";
            return "%s%se%s%02d"
                    .formatted(value < 0 ? "-" : "", mantissa, sign, Math.abs(exponent));
        }
        String plain = decimal.toPlainString();
        return plain.contains(".") ? plain : plain + ".0";
    }

    private static void quote(String text, StringBuilder out) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        out.append(quote);
        text.codePoints()
                .forEach(point -> {
                    switch (point) {
                        case '\\' -> out.append("\\\\");
                        case '\n' -> out.append("\\n");
                        case '\r' -> out.append("\\r");
                        case '\t' -> out.append("\\t");
                        default -> {
                            if (point == quote) {
                                out.append('\\').append(quote);
                            } else if (PythonText.isPrintable(point)) {
                                out.appendCodePoint(point);
                            } else {
                                out.append(escape(point));
                            }
                        }
                    }
                });
        out.append(quote);
    }

    private static String escape(int point) {
        if (point < 0x100) {
            return "\\x%02x".formatted(point);
        }
        return point < 0x10000 ? "\\u%04x".formatted(point) : "\\U%08x".formatted(point);
    }
}
