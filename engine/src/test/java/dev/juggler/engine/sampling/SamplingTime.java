package dev.juggler.engine.sampling;

import com.sun.management.ThreadMXBean;
import dev.juggler.inference.Sampling;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Measures how long it takes to choose a token, its row of logits loaded: milliseconds, medians and
 * nine of ten, and the bytes allocated for each. Rows take turns, as in a model, and none is in the
 * nearest cache. Arguments: tokens of a vocabulary (151936), tokens chosen of each kind (400).
 */
final class SamplingTime {
    private static final int ROWS = 12;
    private static final int HISTORY = 4096;

    private SamplingTime() {}

    /** What a request may ask for. */
    private record Setting(String name, Sampling sampling) {}

    private static final List<Setting> SETTINGS =
            List.of(
                    setting("greedy", 0f, 0, 1f, 0f, 1f),
                    setting("temperature", 1f, 0, 1f, 0f, 1f),
                    setting("top-k 40", 0.8f, 40, 1f, 0f, 1f),
                    setting("top-k 40, top-p 0.9", 0.8f, 40, 0.9f, 0f, 1f),
                    setting("top-k 40, top-p 0.95, min-p 0.05", 0.8f, 40, 0.95f, 0.05f, 1f),
                    setting("top-k 40, top-p 0.9, penalties", 0.8f, 40, 0.9f, 0f, 1.1f),
                    setting("min-p 0.05", 0.8f, 0, 1f, 0.05f, 1f),
                    setting("top-p 0.95", 0.8f, 0, 0.95f, 0f, 1f),
                    setting("top-p 0.9, temperature 1", 1f, 0, 0.9f, 0f, 1f),
                    setting("top-p 0.5", 0.8f, 0, 0.5f, 0f, 1f),
                    setting("top-p 0.95, min-p 0.05", 0.8f, 0, 0.95f, 0.05f, 1f),
                    setting("top-p 0.95, penalties", 0.8f, 0, 0.95f, 0f, 1.1f));

    private static Setting setting(
            String name, float temperature, int topK, float topP, float minP, float repetition) {
        float presence = repetition == 1 ? 0f : 0.5f;
        return new Setting(
                name,
                new Sampling(
                        temperature, topK, topP, minP, repetition, presence, 0f, -1, 1L, Map.of()));
    }

    /** Logits as models give them. */
    private static float logit(String shape, Random random) {
        float normal = (float) random.nextGaussian();
        return switch (shape) {
            case "flat" -> normal; // random weights: no token is likely
            case "wide" -> 3 * normal; // a few hundred tokens are likely
            case "peaked" -> // a trained model: some of one in 300 tokens stand out
                    random.nextInt(300) == 0
                            ? 2 * normal - 3 * (float) Math.log(random.nextFloat())
                            : 2 * normal;
            default -> throw new IllegalArgumentException(shape);
        };
    }

    public static void main(String[] args) {
        int vocabulary = args.length > 0 ? Integer.parseInt(args[0]) : 151_936;
        int samples = args.length > 1 ? Integer.parseInt(args[1]) : 400;
        LogitRow row = new LogitRow(vocabulary);
        for (String shape : List.of("flat", "wide", "peaked")) {
            Random random = new Random(3);
            float[][] rows = new float[ROWS][vocabulary];
            for (float[] logits : rows) {
                for (int id = 0; id < vocabulary; id++) {
                    logits[id] = logit(shape, random);
                }
            }
            int[] history = random.ints(HISTORY, 0, vocabulary).toArray();
            for (Setting setting : SETTINGS) {
                String what = shape + ", " + setting.name;
                measure(what, row, rows, history, setting.sampling, samples);
            }
        }
    }

    private static void measure(
            String what,
            LogitRow row,
            float[][] rows,
            int[] history,
            Sampling sampling,
            int samples) {
        TokenSampler sampler = new TokenSampler(sampling, row.vocabularySize());
        long[] times = new long[samples];
        int checksum = 0;
        long allocated = 0;
        for (int i = -samples; i < samples; i++) { // the first half warms up
            allocated = i == 0 ? allocated() : allocated;
            long start = System.nanoTime();
            row.load(rows[(i + samples) % rows.length]);
            int chosen = sampler.choose(row, history, history.length);
            times[Math.max(i, 0)] = System.nanoTime() - start;
            checksum = 31 * checksum + chosen;
        }
        allocated = allocated() - allocated;
        Arrays.sort(times);
        System.out.printf(
                "%-42s %.3f ms, %.3f; %d bytes a token; tokens %08x%n",
                what,
                times[samples / 2] / 1e6,
                times[samples * 9 / 10] / 1e6,
                allocated / samples,
                checksum);
    }

    private static long allocated() {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean())
                .getCurrentThreadAllocatedBytes();
    }
}
