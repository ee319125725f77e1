package dev.juggler.engine.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Sampling;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TokenSamplerTest {
    private static final int[] NOTHING = {};

    @Test
    void everyFilterIsItsDefinition() {
        Random random = new Random(7);
        int cases = 0;
        int tokens = 0;
        for (int round = 0; round < 3000; round++) {
            int vocabulary = 2 + random.nextInt(300);
            float[] logits = randomLogits(random, vocabulary);
            int[] history = random.ints(random.nextInt(40), 0, vocabulary).toArray();
            Sampling sampling = randomSampling(random, vocabulary);
            LogitRow row = new LogitRow(vocabulary);
            row.load(logits);
            TokenSampler sampler = new TokenSampler(sampling, vocabulary);
            int chosen = sampler.choose(row, history, history.length);

            Map<Integer, Double> expected = NaiveSampling.distribution(logits, history, sampling);
            Map<Integer, Double> actual = distribution(row);
            // Near the end of single precision there may be a weight or none.
            expected.values().removeIf(p -> p < 1e-30);
            actual.values().removeIf(p -> p < 1e-30);
            String what = round + " " + sampling;
            assertEquals("", differences(expected, actual), what);
            assertTrue(actual.containsKey(chosen), what);
            cases++;
            tokens += actual.size();
        }
        System.out.printf(
                "sampling: %d random settings equal the naive definition, %d candidates%n",
                cases, tokens);
    }

    /** Vocabularies of several blocks, some of which hold nothing that may be chosen. */
    @Test
    void everyFilterIsItsDefinitionOverManyBlocks() {
        Random random = new Random(11);
        int[] sizes = {1023, 1024, 1025, 2047, 2048, 3001, 5000};
        for (int round = 0; round < 280; round++) {
            int vocabulary = sizes[round % sizes.length];
            float[] logits = randomRow(random, round / sizes.length % 6, vocabulary);
            Sampling sampling =
                    sampling(
                            0.3f + random.nextFloat() * 1.5f,
                            random.nextInt(3) == 0 ? 2 + random.nextInt(100) : 0,
                            random.nextInt(3) == 0 ? 1f : random.nextFloat(),
                            random.nextInt(3) == 0 ? random.nextFloat() * 0.2f : 0f,
                            round);
            LogitRow row = new LogitRow(vocabulary);
            row.load(logits);
            int chosen = new TokenSampler(sampling, vocabulary).choose(row, NOTHING, 0);

            Map<Integer, Double> expected = NaiveSampling.distribution(logits, NOTHING, sampling);
            Map<Integer, Double> actual = distribution(row);
            expected.values().removeIf(p -> p < 1e-25);
            actual.values().removeIf(p -> p < 1e-25);
            String what = round + " " + sampling;
            assertTrue(actual.containsKey(chosen), what);
            // Single precision may put the end of a nucleus one token aside.
            int differing = 0;
            for (int id = 0; id < vocabulary; id++) {
                Double p = expected.get(id);
                Double q = actual.get(id);
                if (p == null ? q != null : q == null) {
                    differing++;
                } else if (p != null && q != null) {
                    assertEquals(p, q, (sampling.topP() < 1 ? 0.01 : 1e-4) * p + 1e-9, what);
                }
            }
            assertTrue(differing <= (sampling.topP() < 1 ? 1 : 0), what + ": " + differing);
        }
    }

    /** Flat, wide, peaked, tied, equal, or mostly impossible. */
    private static float[] randomRow(Random random, int shape, int vocabulary) {
        float[] logits = new float[vocabulary];
        for (int id = 0; id < vocabulary; id++) {
            float normal = (float) random.nextGaussian();
            logits[id] =
                    switch (shape) {
                        case 0 -> normal;
                        case 1 -> 4 * normal - 100;
                        case 2 -> random.nextInt(500) == 0 ? 20 + 3 * normal : 2 * normal;
                        case 3 -> Math.round(2 * normal) * 0.5f;
                        case 4 -> -7.5f;
                        default -> random.nextInt(10) == 0 ? normal : Float.NEGATIVE_INFINITY;
                    };
        }
        logits[random.nextInt(vocabulary)] = shape == 5 ? 3f : logits[0];
        return logits;
    }

    @Test
    void theLargestAreThoseOfASort() {
        Random random = new Random(5);
        for (int round = 0; round < 60; round++) {
            int vocabulary = 1 + random.nextInt(6000);
            float[] logits = randomRow(random, round % 6, vocabulary);
            LogitRow row = new LogitRow(vocabulary);
            row.load(logits);
            row.keep();
            long[] sorted = new long[vocabulary];
            for (int id = 0; id < vocabulary; id++) {
                sorted[id] = LogitRow.key(logits[id], id);
                assertEquals(logits[id], LogitRow.logit(sorted[id]));
            }
            Arrays.sort(sorted);
            int best = LogitRow.id(sorted[vocabulary - 1]);
            assertEquals(best, row.largest());
            for (int count : new int[] {1, 3, 20, 1000, vocabulary}) {
                int top = Math.min(count, vocabulary);
                TokenLogprobs logprobs = row.logprobs(best, top);
                for (int rank = 0; rank < top; rank++) {
                    int expected = LogitRow.id(sorted[vocabulary - 1 - rank]);
                    assertEquals(expected, logprobs.id(rank), round + " rank " + rank);
                }
            }
        }
    }

    @Test
    void anErrorIsFoundInEveryPlace() {
        for (int place : new int[] {0, 255, 256, 1023, 1024, 2500, 2999}) {
            for (float bad : new float[] {Float.NaN, -Float.NaN, Float.POSITIVE_INFINITY}) {
                float[] logits = randomLogits(new Random(place), 3000);
                logits[place] = bad;
                LogitRow row = new LogitRow(logits.length);
                for (float penalty : new float[] {1f, 2f}) {
                    row.load(logits);
                    Sampling sampling =
                            new Sampling(
                                    1f, 0, 1f, 0f, penalty, 0f, 0f, -1, 1L, Map.of(place, -5f));
                    TokenSampler sampler = new TokenSampler(sampling, logits.length);
                    InferenceException e =
                            assertThrows(
                                    InferenceException.class,
                                    () -> sampler.choose(row, new int[] {place}, 1));
                    assertEquals(InferenceException.Kind.INTERNAL, e.kind());
                }
            }
        }
    }

    @Test
    void theExponentialOfWhatIsNotTooSmall() {
        float[] x = {2f, 1.5f, Math.nextDown(1.5f), 0f, -0f, -Float.MIN_VALUE, -1e30f, -90f};
        for (float least : new float[] {2f, 1.5f, 0f, -0f, -Float.MIN_VALUE, -40f}) {
            float[] all = new float[x.length];
            float[] some = new float[x.length];
            FastExp.exp(x, all, 0, x.length, 2f, 0.7f);
            FastExp.expFrom(x, some, 0, x.length, 2f, 0.7f, least);
            for (int i = 0; i < x.length; i++) {
                assertEquals(x[i] >= least ? all[i] : 0f, some[i], x[i] + " from " + least);
            }
        }
    }

    @Test
    void drawsWithTheProbabilitiesOfTheSoftmax() {
        float[] logits = {2f, 1.5f, 0f, -1f, 1f, 0.5f, -0.5f, 1.2f};
        for (Sampling sampling :
                new Sampling[] {
                    sampling(1f, 0, 1f, 0f, 3L),
                    sampling(0.7f, 0, 1f, 0f, 4L),
                    sampling(1.3f, 5, 1f, 0f, 5L),
                    sampling(1f, 0, 0.8f, 0f, 6L),
                    sampling(2f, 0, 1f, 0.3f, 7L)
                }) {
            Map<Integer, Double> expected = NaiveSampling.distribution(logits, NOTHING, sampling);
            TokenSampler sampler = new TokenSampler(sampling, logits.length);
            LogitRow row = new LogitRow(logits.length);
            int draws = 100_000;
            int[] counts = new int[logits.length];
            for (int i = 0; i < draws; i++) {
                row.load(logits);
                counts[sampler.choose(row, NOTHING, 0)]++;
            }
            double chiSquare = 0;
            for (int id = 0; id < counts.length; id++) {
                double mean = expected.getOrDefault(id, 0.0) * draws;
                if (mean == 0) {
                    assertEquals(0, counts[id], "a token that is filtered out was drawn");
                } else {
                    chiSquare += (counts[id] - mean) * (counts[id] - mean) / mean;
                }
            }
            // 7 degrees of freedom at most: 24.3 is exceeded once in 1000 seeds; the seed is fixed.
            assertTrue(chiSquare < 24.3, "chi-square " + chiSquare + " of " + sampling);
        }
    }

    @Test
    void sameSeedSameTokensAndAnotherSeedOthers() {
        float[] logits = randomLogits(new Random(1), 1000);
        int[] first = draw(logits, 42L);
        assertTrue(Arrays.equals(first, draw(logits, 42L)));
        assertTrue(!Arrays.equals(first, draw(logits, 43L)));
    }

    @Test
    void greedyTakesTheLowestIdAmongEquals() {
        assertEquals(1, greedy(-1f, 3f, 3f, 2f));
        assertEquals(0, greedy(0f, -0f, 0f));
        assertEquals(1, greedy(-0f - 1f, 0f, -0f));
    }

    @Test
    void greedyObeysBiasAndPenalties() {
        Sampling sampling =
                new Sampling(0f, 0, 1f, 0f, 1f, 0f, 0f, 64, null, Map.of(2, 5f, 0, -100f));
        LogitRow row = new LogitRow(3);
        row.load(new float[] {9f, 1f, 0f});
        assertEquals(2, new TokenSampler(sampling, 3).choose(row, NOTHING, 0));
        Sampling repeated = new Sampling(0f, 0, 1f, 0f, 10f, 0f, 0f, -1, null, Map.of());
        row.load(new float[] {9f, 1f, 0f});
        assertEquals(1, new TokenSampler(repeated, 3).choose(row, new int[] {0, 0}, 1));
    }

    @Test
    void logitsThatAreNoNumbersAreAnError() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            LogitRow row = new LogitRow(3);
            row.load(new float[] {1f, bad, 2f});
            for (float temperature : new float[] {0f, 1f}) {
                TokenSampler sampler = new TokenSampler(sampling(temperature, 0, 1f, 0f, 1L), 3);
                InferenceException e =
                        assertThrows(
                                InferenceException.class, () -> sampler.choose(row, NOTHING, 0));
                assertEquals(InferenceException.Kind.INTERNAL, e.kind());
            }
        }
        LogitRow row = new LogitRow(2);
        row.load(new float[] {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY});
        TokenSampler sampler = new TokenSampler(Sampling.GREEDY, 2);
        assertThrows(InferenceException.class, () -> sampler.choose(row, NOTHING, 0));
    }

    /** What a client may ask for, however absurd, chooses a token and breaks nothing. */
    @Test
    void extremeSettingsStillChoose() {
        int[] history = {0, 1, 2};
        for (float temperature : new float[] {Float.MIN_VALUE, 1e-6f, 1f, 100f}) {
            for (int topK : new int[] {0, 2}) {
                for (float topP : new float[] {0f, Float.MIN_VALUE, 1f}) {
                    Sampling extreme =
                            new Sampling(
                                    temperature,
                                    topK,
                                    topP,
                                    1f,
                                    Float.MIN_VALUE,
                                    -100f,
                                    -100f,
                                    -1,
                                    1L,
                                    Map.of(0, Float.MAX_VALUE, 3, Float.NEGATIVE_INFINITY));
                    LogitRow row = new LogitRow(4);
                    row.load(new float[] {1e30f, 5f, -3f, 100f});
                    int chosen = new TokenSampler(extreme, 4).choose(row, history, 3);
                    assertTrue(chosen == 0 || chosen == 1, extreme + " chose " + chosen);
                }
            }
        }
    }

    @Test
    void biasOfATokenThatIsNotThereIsRefused() {
        Sampling sampling = new Sampling(1f, 0, 1f, 0f, 1f, 0f, 0f, 64, null, Map.of(10, 1f));
        InferenceException e =
                assertThrows(InferenceException.class, () -> new TokenSampler(sampling, 10));
        assertEquals(InferenceException.Kind.INVALID_REQUEST, e.kind());
        assertEquals("logit_bias", e.parameter());
    }

    @Test
    void logprobsAreThoseOfTheRawLogits() {
        LogitRow row = new LogitRow(4);
        row.load(new float[] {1f, 3f, 3f, 0f});
        row.keep();
        Sampling sampling = new Sampling(0f, 0, 1f, 0f, 1f, 0f, 0f, 64, null, Map.of(0, 50f));
        int chosen = new TokenSampler(sampling, 4).choose(row, NOTHING, 0);
        TokenLogprobs logprobs = row.logprobs(chosen, 3);
        double logSum = Math.log(Math.exp(1) + 2 * Math.exp(3) + 1);
        assertEquals(0, logprobs.chosen());
        assertEquals(1 - logSum, logprobs.chosenLogprob(), 1e-6);
        assertEquals(1, logprobs.id(0));
        assertEquals(2, logprobs.id(1));
        assertEquals(0, logprobs.id(2));
        assertEquals(3 - logSum, logprobs.logprob(0), 1e-6);
    }

    @Test
    void theExponentialIsWithinItsError() {
        float[] x = new float[124_000];
        float[] powers = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = -86f * i / x.length;
        }
        FastExp.exp(x, powers, 0, x.length, 0, 1);
        double worst = 0;
        double worstOfSmall = 0;
        for (int i = 0; i < x.length; i++) {
            double exact = Math.exp(x[i]);
            double error = Math.abs(powers[i] - exact) / exact;
            worst = exact > 1e-9 ? Math.max(worst, error) : worst;
            worstOfSmall = exact > 1e-30 ? Math.max(worstOfSmall, error) : worstOfSmall;
        }
        System.out.printf("sampling: exponential within %.1e, %.1e%n", worst, worstOfSmall);
        assertTrue(worst < 1e-5, "relative error " + worst);
        assertTrue(worstOfSmall < 0.03, "relative error " + worstOfSmall);
        float[] ends = {5f, Float.NEGATIVE_INFINITY, -200f};
        FastExp.exp(ends, ends, 0, 3, 5f, 0.5f);
        assertArrayEquals(new float[] {1f, 0f, 0f}, ends);
    }

    @Test
    void drawsOnlyWhatHasAWeight() {
        Candidates candidates = new Candidates(5000);
        float[] logits = new float[5000];
        Arrays.fill(logits, Float.NEGATIVE_INFINITY);
        logits[1500] = 0;
        logits[4000] = 0;
        candidates.weighAll(logits, 0, 1);
        assertEquals(2, candidates.total());
        assertEquals(1500, candidates.at(0));
        assertEquals(1500, candidates.at(0.999));
        assertEquals(4000, candidates.at(1));
        assertEquals(4000, candidates.at(1.999));
        assertEquals(4000, candidates.at(2), "rounding may lead to the end");
    }

    /** Not a benchmark, only a guard against a full sort: 150,000 tokens, far below 10 ms. */
    @Test
    void aLargeVocabularyIsFast() {
        float[] logits = new float[151_936];
        Random random = new Random(3);
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian() * 3;
        }
        Sampling[] settings = {
            Sampling.GREEDY,
            sampling(0.8f, 40, 0.95f, 0.05f, 1L),
            sampling(1f, 0, 0.95f, 0f, 1L),
            sampling(1f, 0, 1f, 0f, 1L)
        };
        for (Sampling sampling : settings) {
            LogitRow row = new LogitRow(logits.length);
            TokenSampler sampler = new TokenSampler(sampling, logits.length);
            long best = Long.MAX_VALUE;
            for (int i = 0; i < 300; i++) {
                row.load(logits);
                long start = System.nanoTime();
                sampler.choose(row, NOTHING, 0);
                best = Math.min(best, System.nanoTime() - start);
            }
            System.out.printf(
                    "sampling: %.3f ms for 151936 tokens, temperature %s top-k %d top-p %s%n",
                    best / 1e6, sampling.temperature(), sampling.topK(), sampling.topP());
            assertTrue(best < 10_000_000, best + " ns");
        }
    }

    private static int greedy(float... logits) {
        LogitRow row = new LogitRow(logits.length);
        row.load(logits);
        return new TokenSampler(Sampling.GREEDY, logits.length).choose(row, NOTHING, 0);
    }

    private static int[] draw(float[] logits, long seed) {
        TokenSampler sampler = new TokenSampler(sampling(1f, 0, 1f, 0f, seed), logits.length);
        LogitRow row = new LogitRow(logits.length);
        int[] drawn = new int[50];
        for (int i = 0; i < drawn.length; i++) {
            row.load(logits);
            drawn[i] = sampler.choose(row, NOTHING, 0);
        }
        return drawn;
    }

    private static float[] randomLogits(Random random, int count) {
        float[] logits = new float[count];
        boolean coarse = random.nextInt(4) == 0; // ties
        float scale = random.nextInt(3) == 0 ? 15f : 2f;
        for (int i = 0; i < count; i++) {
            float value = (float) random.nextGaussian() * scale;
            logits[i] = coarse ? Math.round(value) : value;
        }
        return logits;
    }

    private static Sampling sampling(
            float temperature, int topK, float topP, float minP, long seed) {
        return new Sampling(temperature, topK, topP, minP, 1f, 0f, 0f, 64, seed, Map.of());
    }

    private static Sampling randomSampling(Random random, int vocabulary) {
        Map<Integer, Float> bias = new HashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            bias.put(random.nextInt(vocabulary), (float) random.nextGaussian() * 3);
        }
        return new Sampling(
                0.2f + random.nextFloat() * 2,
                random.nextBoolean() ? 0 : 2 + random.nextInt(vocabulary),
                random.nextBoolean() ? 1f : random.nextFloat(),
                random.nextBoolean() ? 0f : random.nextFloat() * 0.5f,
                random.nextBoolean() ? 1f : 0.5f + random.nextFloat() * 2,
                random.nextBoolean() ? 0f : random.nextFloat(),
                random.nextBoolean() ? 0f : random.nextFloat(),
                random.nextInt(5) == 0 ? -1 : random.nextInt(64),
                random.nextLong(),
                bias);
    }

    private static Map<Integer, Double> distribution(LogitRow row) {
        Candidates candidates = row.candidates;
        Map<Integer, Double> result = new HashMap<>();
        for (int i = 0; i < candidates.count(); i++) {
            if (candidates.weight(i) > 0) {
                result.put(candidates.id(i), candidates.weight(i) / candidates.total());
            }
        }
        return result;
    }

    private static String differences(Map<Integer, Double> expected, Map<Integer, Double> actual) {
        StringBuilder text = new StringBuilder();
        for (int id = 0; id < 1000; id++) { // more than any vocabulary here
            double p = expected.getOrDefault(id, -1.0);
            double q = actual.getOrDefault(id, -1.0);
            if (Math.abs(p - q) > 1e-4 * Math.abs(p) + 1e-9) {
                text.append("\ntoken %d: %g, not %g".formatted(id, q, p));
            }
        }
        return text.toString();
    }
}
