package dev.juggler.engine.sampling;

import dev.juggler.inference.Sampling;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The definitions of the sampling steps, one after the other, sorted and in double precision. */
final class NaiveSampling {
    private NaiveSampling() {}

    record Candidate(int id, double logit) {}

    /** Probability of each token that is left. */
    static Map<Integer, Double> distribution(float[] logits, int[] tokens, Sampling sampling) {
        List<Candidate> sorted = sortedCandidates(logits, tokens, sampling);
        if (sampling.topK() > 0) {
            sorted = sorted.subList(0, Math.min(sampling.topK(), sorted.size()));
        }
        if (sampling.topP() < 1) {
            double[] p = softmax(sorted, 1);
            double sum = 0;
            int count = 0;
            do {
                sum += p[count++];
            } while (count < p.length && sum < sampling.topP());
            sorted = sorted.subList(0, count);
        }
        double best = sorted.getFirst().logit;
        sorted = sorted.stream().filter(c -> Math.exp(c.logit - best) >= sampling.minP()).toList();
        double[] p = softmax(sorted, sampling.temperature());
        Map<Integer, Double> result = new HashMap<>();
        for (int i = 0; i < p.length; i++) {
            result.put(sorted.get(i).id, p[i]);
        }
        return result;
    }

    private static List<Candidate> sortedCandidates(
            float[] logits, int[] tokens, Sampling sampling) {
        List<Candidate> all = new ArrayList<>();
        int first =
                sampling.penaltyWindow() < 0
                        ? 0
                        : Math.max(0, tokens.length - sampling.penaltyWindow());
        for (int id = 0; id < logits.length; id++) {
            double logit = logits[id] + sampling.logitBias().getOrDefault(id, 0f);
            int times = 0;
            for (int i = first; i < tokens.length; i++) {
                times += tokens[i] == id ? 1 : 0;
            }
            if (times > 0) {
                logit =
                        logit <= 0
                                ? logit * sampling.repetitionPenalty()
                                : logit / sampling.repetitionPenalty();
                logit -= times * sampling.frequencyPenalty() + sampling.presencePenalty();
            }
            all.add(new Candidate(id, logit));
        }
        all.sort(Comparator.comparingDouble((Candidate c) -> -c.logit).thenComparingInt(c -> c.id));
        return all;
    }

    private static double[] softmax(List<Candidate> candidates, double temperature) {
        double max = candidates.getFirst().logit;
        double[] p =
                candidates.stream()
                        .mapToDouble(c -> Math.exp((c.logit - max) / temperature))
                        .toArray();
        double sum = 0;
        for (double value : p) {
            sum += value;
        }
        for (int i = 0; i < p.length; i++) {
            p[i] /= sum;
        }
        return p;
    }
}
