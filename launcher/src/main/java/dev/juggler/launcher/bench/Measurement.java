package dev.juggler.launcher.bench;

import java.util.List;

/**
 * A test and how fast it went.
 *
 * @param test {@code pp512}, {@code tg128}
 * @param tokensPerSecond mean of the repetitions
 * @param deviation their standard deviation (of the sample); 0 for a single one
 */
public record Measurement(String test, double tokensPerSecond, double deviation) {
    /**
     * The mean and deviation of some repetitions.
     *
     * @param tokens of one repetition
     * @param seconds that each repetition took
     */
    public static Measurement of(String test, int tokens, List<Double> seconds) {
        List<Double> rates = seconds.stream().map(time -> tokens / time).toList();
        double mean = rates.stream().mapToDouble(rate -> rate).average().orElse(0);
        double squares = rates.stream().mapToDouble(rate -> (rate - mean) * (rate - mean)).sum();
        double deviation = rates.size() < 2 ? 0 : Math.sqrt(squares / (rates.size() - 1));
        return new Measurement(test, mean, deviation);
    }
}
