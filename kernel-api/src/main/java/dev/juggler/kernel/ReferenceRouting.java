package dev.juggler.kernel;

import java.util.Arrays;

/** The definition of {@link Kernels#route}. */
final class ReferenceRouting {
    private ReferenceRouting() {}

    static void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        int experts = logits.columns();
        float[] row = new float[experts];
        float[] bias = new float[experts];
        if (routing.choiceBias() != null) {
            HostRows.load(routing.choiceBias(), 0, bias);
        }
        for (int r = 0; r < logits.rows(); r++) {
            HostRows.load(logits, r, row);
            double[] scores = scores(row, routing.scoring());
            double[] ranks = new double[experts];
            for (int e = 0; e < experts; e++) {
                ranks[e] = scores[e] + bias[e];
            }
            boolean[] allowed = inBestGroups(ranks, routing);
            int[] chosen = best(ranks, allowed, routing.used());
            double[] shares = shares(scores, chosen, routing);
            for (int j = 0; j < chosen.length; j++) {
                HostRows.setId(ids, (long) r * chosen.length + j, chosen[j]);
                HostRows.set(weights, r, j, (float) shares[j]);
            }
        }
    }

    private static double[] scores(float[] logits, Routing.Scoring scoring) {
        double[] scores = new double[logits.length];
        for (int e = 0; e < scores.length; e++) {
            scores[e] =
                    scoring == Routing.Scoring.SIGMOID
                            ? ReferenceKernels.sigmoid(logits[e])
                            : logits[e];
        }
        return scoring == Routing.Scoring.SOFTMAX ? softmax(scores) : scores;
    }

    /** Which experts are in the groups that compete. */
    private static boolean[] inBestGroups(double[] ranks, Routing routing) {
        boolean[] allowed = new boolean[ranks.length];
        int size = ranks.length / routing.groups();
        double[] groupRanks = new double[routing.groups()];
        boolean[] all = new boolean[ranks.length];
        Arrays.fill(all, true);
        for (int g = 0; g < groupRanks.length; g++) {
            double[] members = Arrays.copyOfRange(ranks, g * size, (g + 1) * size);
            for (int member : best(members, all, Math.min(routing.groupBest(), size))) {
                groupRanks[g] += members[member];
            }
        }
        for (int g : best(groupRanks, all, routing.groupsUsed())) {
            Arrays.fill(allowed, g * size, (g + 1) * size, true);
        }
        return allowed;
    }

    /** The indices of the {@code count} largest, the lower index first among equals. */
    private static int[] best(double[] ranks, boolean[] allowed, int count) {
        boolean[] open = Arrays.copyOf(allowed, ranks.length);
        int[] chosen = new int[count];
        for (int j = 0; j < count; j++) {
            int best = -1;
            for (int e = 0; e < ranks.length; e++) {
                if (open[e] && (best < 0 || ranks[e] > ranks[best])) {
                    best = e;
                }
            }
            chosen[j] = best;
            open[best] = false;
        }
        return chosen;
    }

    private static double[] shares(double[] scores, int[] chosen, Routing routing) {
        double[] shares = new double[chosen.length];
        for (int j = 0; j < chosen.length; j++) {
            shares[j] = scores[chosen[j]];
        }
        if (routing.scoring() == Routing.Scoring.SOFTMAX_OF_CHOSEN) {
            shares = softmax(shares);
        }
        double sum = routing.normalize() ? Arrays.stream(shares).sum() : 1;
        for (int j = 0; j < shares.length; j++) {
            shares[j] = shares[j] / sum * routing.scale();
        }
        return shares;
    }

    private static double[] softmax(double[] values) {
        double largest = Arrays.stream(values).max().orElse(0);
        double[] powers = Arrays.stream(values).map(v -> Math.exp(v - largest)).toArray();
        double sum = Arrays.stream(powers).sum();
        return Arrays.stream(powers).map(power -> power / sum).toArray();
    }
}
