package dev.juggler.engine.architecture;

import dev.juggler.engine.nn.RopeScaling;

/** How positions are written in a model's keys. */
final class RopeKeys {
    private RopeKeys() {}

    /** Base of the rotary frequencies. */
    static double base(ModelKeys keys) {
        return keys.number("rope.freq_base", 10_000, 1, 1e12);
    }

    /**
     * Elements of a head that are rotated, an even number.
     *
     * @param fallback where the file does not say
     * @param most elements of a head
     */
    static int rotated(ModelKeys keys, int fallback, int most) {
        int rotated = keys.integer("rope.dimension_count", fallback, 2, most);
        if (rotated % 2 != 0) {
            throw keys.refuse("rope.dimension_count", "expected an even number");
        }
        return rotated;
    }

    /** Linear where a factor stands without a type, as files from before the type existed do. */
    static RopeScaling scaling(ModelKeys keys) {
        double old = keys.number("rope.scale_linear", 1, 1e-3, 1e6);
        double factor = keys.number("rope.scaling.factor", old, 0, 1e6);
        if (factor == 0) {
            factor = 1;
        }
        String type = keys.text("rope.scaling.type", "linear");
        keys.flag("rope.scaling.finetuned", true); // tells how the model was made, changes nothing
        return switch (type) {
            case "none" -> new RopeScaling.Linear(1);
            case "linear" -> new RopeScaling.Linear(factor);
            case "yarn" -> yarn(keys, factor);
            default -> throw keys.refuse("rope.scaling.type", "known are none, linear and yarn");
        };
    }

    private static RopeScaling yarn(ModelKeys keys, double factor) {
        int context = keys.integer("context_length", 0, 1, Integer.MAX_VALUE);
        int original =
                keys.integer("rope.scaling.original_context_length", context, 1, Integer.MAX_VALUE);
        if (original == 0) {
            throw keys.refuse("rope.scaling.original_context_length", "YaRN needs it");
        }
        double extension = keys.number("rope.scaling.yarn_ext_factor", 1, 0, 1);
        return new RopeScaling.Yarn(
                factor,
                original,
                extension,
                keys.number("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6),
                keys.number("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6),
                attentionFactor(keys)
                        * (extension == 0 ? 1 : RopeScaling.Yarn.magnitude(factor, 1)));
    }

    /** What the file puts on rotated elements beside what YaRN does. */
    static double attentionFactor(ModelKeys keys) {
        return keys.number("rope.scaling.attn_factor", 1, 1e-3, 1e3)
                * keys.number("rope.scaling.yarn_attn_factor", 1, 1e-3, 1e3);
    }
}
