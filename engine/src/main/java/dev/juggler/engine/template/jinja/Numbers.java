package dev.juggler.engine.template.jinja;

/** Python's arithmetic, on numbers and on what else its operators take. */
final class Numbers {
    private Numbers() {}

    static Object apply(String operator, Object left, Object right, Budget budget) {
        if (left instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (right instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (operator.equals("%") && left instanceof String format) {
            return PercentFormat.format(format, right, budget);
        }
        if (Values.isNumber(left) && Values.isNumber(right)) {
            if (left instanceof Double || right instanceof Double || operator.equals("/")) {
                return decimal(operator, toDouble(left), toDouble(right));
            }
            return integer(operator, Values.requireInteger(left), Values.requireInteger(right));
        }
        if (operator.equals("+")) {
            return join(left, right, budget);
        }
        if (operator.equals("*")) {
            if (right instanceof Long || right instanceof Boolean) {
                return repeat(left, Values.requireInteger(right), budget);
            }
            if (left instanceof Long || left instanceof Boolean) {
                return repeat(right, Values.requireInteger(left), budget);
            }
        }
        throw unsupported(operator, left, right);
    }

    private static TemplateException unsupported(String operator, Object left, Object right) {
        return TemplateException.evaluation(
                "unsupported operand type(s) for %s: '%s' and '%s'"
                        .formatted(operator, Values.typeName(left), Values.typeName(right)));
    }

    static double toDouble(Object value) {
        return value instanceof Number number ? number.doubleValue() : Values.requireInteger(value);
    }

    static Object negate(Object value) {
        return switch (value) {
            case Double number -> -number;
            case Undefined undefined -> throw undefined.failure();
            case Long _, Boolean _ -> integer("-", 0, Values.requireInteger(value));
            default ->
                    throw TemplateException.evaluation(
                            "bad operand type for unary -: '" + Values.typeName(value) + "'");
        };
    }

    private static Object integer(String operator, long left, long right) {
        try {
            return switch (operator) {
                case "+" -> Math.addExact(left, right);
                case "-" -> Math.subtractExact(left, right);
                case "*" -> Math.multiplyExact(left, right);
                case "//" -> Math.floorDiv(left, nonZero(right));
                case "%" -> Math.floorMod(left, nonZero(right));
                case "**" ->
                        right < 0
                                ? (Object) Math.pow((double) left, (double) right)
                                : (Object) power(left, right);
                default -> throw new IllegalStateException(operator);
            };
        } catch (ArithmeticException e) {
            throw TemplateException.evaluation(
                    "%d %s %d is too large for a whole number".formatted(left, operator, right));
        }
    }

    private static long power(long base, long exponent) {
        long result = 1;
        long factor = base;
        for (long rest = exponent; rest > 0; rest >>= 1) {
            if ((rest & 1) == 1) {
                result = Math.multiplyExact(result, factor);
            }
            if (rest > 1) {
                factor = Math.multiplyExact(factor, factor);
            }
        }
        return result;
    }

    private static long nonZero(long divisor) {
        if (divisor == 0) {
            throw TemplateException.evaluation("integer division or modulo by zero");
        }
        return divisor;
    }

    private static double decimal(String operator, double left, double right) {
        if (right == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
            throw TemplateException.evaluation("division by zero");
        }
        return switch (operator) {
            case "+" -> left + right;
            case "-" -> left - right;
            case "*" -> left * right;
            case "/" -> left / right;
            case "//" -> Math.floor(left / right);
            case "%" -> {
                double rest = left % right;
                yield rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
            }
            case "**" -> Math.pow(left, right);
            default -> throw new IllegalStateException(operator);
        };
    }

    private static Object join(Object left, Object right, Budget budget) {
        if (left instanceof String first) {
            if (right instanceof String second) {
                budget.text((long) first.length() + second.length());
                return first.concat(second);
            }
            throw TemplateException.evaluation(
                    "can only concatenate str (not \"%s\") to str"
                            .formatted(Values.typeName(right)));
        }
        if (Sequencing.isList(left) && Sequencing.isList(right)) {
            return Sequencing.concatenate(Values.list(left), Values.list(right), budget);
        }
        if (left instanceof Tuple first && right instanceof Tuple second) {
            return new Tuple(
                    Sequencing.concatenate(first.items(), second.items(), budget),
                    java.util.List.of());
        }
        throw unsupported("+", left, right);
    }

    private static Object repeat(Object value, long times, Budget budget) {
        int count = Math.clamp(times, 0, Integer.MAX_VALUE);
        if (value instanceof String text) {
            budget.text((long) text.length() * count);
            return text.repeat(text.isEmpty() ? 0 : count);
        }
        if (Sequencing.isList(value)) {
            return Sequencing.repeat(Values.list(value), count, budget);
        }
        if (value instanceof Tuple tuple) {
            return new Tuple(Sequencing.repeat(tuple.items(), count, budget), java.util.List.of());
        }
        throw unsupported("*", value, times);
    }
}
