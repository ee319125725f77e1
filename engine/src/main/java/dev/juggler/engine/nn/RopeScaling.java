package dev.juggler.engine.nn;

import dev.juggler.kernel.RopePlan;
import org.jspecify.annotations.Nullable;

/** How rotary frequencies are changed for contexts longer than those of training. */
public sealed interface RopeScaling {
    /**
     * The inverse frequency of one pair.
     *
     * @param frequency the frequency without scaling, radians a position
     * @param pair index of the pair
     * @param rotated rotated elements of a head
     * @param base base of the geometric series
     */
    double scale(double frequency, int pair, int rotated, double base);

    /** Factor on rotated elements. */
    double magnitude();

    /**
     * Computes the plan of a head in double precision: pair i turns by {@code base^(-2i/rotated)}
     * radians a position, divided by its frequency factor and scaled.
     *
     * @param rotated even number of rotated elements from {@code offset}, at most the head's
     * @param frequencyFactors one divisor for each pair (Llama 3.1), or null
     */
    default RopePlan plan(
            RopePlan.Pairing pairing,
            int headWidth,
            int offset,
            int rotated,
            double base,
            float @Nullable [] frequencyFactors) {
        double[] frequencies = new double[rotated / 2];
        for (int pair = 0; pair < frequencies.length; pair++) {
            double frequency = Math.pow(base, -2.0 * pair / rotated);
            if (frequencyFactors != null) {
                frequency /= frequencyFactors[pair];
            }
            frequencies[pair] = scale(frequency, pair, rotated, base);
        }
        return new RopePlan(pairing, headWidth, offset, frequencies, (float) magnitude());
    }

    /**
     * Position interpolation: all frequencies divided by a factor (Chen et al. 2023,
     * arXiv:2306.15595); 1 for none.
     */
    record Linear(double factor) implements RopeScaling {
        @Override
        public double scale(double frequency, int pair, int rotated, double base) {
            return frequency / factor;
        }

        @Override
        public double magnitude() {
            return 1;
        }
    }

    /**
     * YaRN (Peng et al. 2023, arXiv:2309.00071): fast pairs stay, slow ones are interpolated, those
     * between are mixed.
     *
     * @param factor how many times longer the context is than in training
     * @param originalContext positions in training
     * @param extension share of the mixed frequencies, 1 for YaRN as published, 0 for interpolation
     *     alone
     * @param betaFast pairs that turn at least this often in the original context stay
     * @param betaSlow pairs that turn at most this often are interpolated
     * @param magnitude factor on rotated queries and keys, {@link #magnitude(double, double)} of
     *     the factor unless the model says otherwise
     */
    record Yarn(
            double factor,
            int originalContext,
            double extension,
            double betaFast,
            double betaSlow,
            double magnitude)
            implements RopeScaling {

        /** The same with another factor on rotated elements. */
        public Yarn withMagnitude(double other) {
            return new Yarn(factor, originalContext, extension, betaFast, betaSlow, other);
        }

        /**
         * {@code 1 + 0.1 · multiplier · ln factor}, the paper's attention temperature; 1 for
         * factors up to 1.
         */
        public static double magnitude(double factor, double multiplier) {
            return factor <= 1 ? 1 : 1 + 0.1 * multiplier * Math.log(factor);
        }

        @Override
        public double scale(double frequency, int pair, int rotated, double base) {
            double low = Math.max(0, Math.floor(pairThatTurns(betaFast, rotated, base)));
            double high = Math.min(rotated - 1, Math.ceil(pairThatTurns(betaSlow, rotated, base)));
            double ramp = Math.clamp((pair - low) / Math.max(0.001, high - low), 0, 1);
            double kept = (1 - ramp) * extension;
            return frequency / factor * (1 - kept) + frequency * kept;
        }

        /** The (fractional) pair that makes {@code turns} full turns in the original context. */
        private double pairThatTurns(double turns, int rotated, double base) {
            return rotated
                    * Math.log(originalContext / (turns * 2 * Math.PI))
                    / (2 * Math.log(base));
        }
    }
}
