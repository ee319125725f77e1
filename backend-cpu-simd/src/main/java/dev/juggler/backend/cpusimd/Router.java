package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.QUERIES;

import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.util.Arrays;

/** Chooses experts, in double as the reference does: a choice has no tolerance. */
final class Router extends RowTask {
    private final Place[] places;
    private Tensor ids = Operands.NO_TENSOR;
    private Tensor weights = Operands.NO_TENSOR;
    private Tensor logits = Operands.NO_TENSOR;
    private Routing routing = Routing.softmax(1, false, 1f);
    private float[] bias = new float[0];

    Router(KernelContext context) {
        super(context);
        places = new Place[context.pool().size()];
        Arrays.setAll(places, i -> new Place());
    }

    void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        this.ids = ids;
        this.weights = weights;
        this.logits = logits;
        this.routing = routing;
        int experts = logits.columns();
        bias = Operands.grown(bias, experts);
        Tensor choiceBias = routing.choiceBias();
        if (choiceBias == null) {
            Arrays.fill(bias, 0, experts, 0f);
        } else {
            Operands.load(choiceBias, 0, bias, 0, experts);
        }
        runRows(logits.rows(), 16L * experts);
    }

    @Override
    void row(int row, int worker) {
        int experts = logits.columns();
        int used = routing.used();
        float[] values = context.scratch(worker).floats(QUERIES, Math.max(experts, used));
        Operands.load(logits, (long) row * experts, values, 0, experts);
        Place place = places[worker];
        place.makeRoom(experts, used, routing.groups());
        place.score(values, experts, routing.scoring());
        place.rank(bias, experts);
        place.closeWorseGroups(experts, routing);
        place.choose(experts, used);
        place.share(values, routing);
        Operands.store(place.chosen, 0, ids, (long) row * used, used);
        Operands.store(values, 0, weights, (long) row * used, used);
    }

    /** One worker's arrays. */
    private static final class Place {
        private double[] scores = new double[0];
        private double[] ranks = new double[0];
        private double[] groupRanks = new double[0];
        private double[] shares = new double[0];
        private boolean[] closed = new boolean[0];
        private boolean[] closedGroups = new boolean[0];
        private int[] chosen = new int[0];

        void makeRoom(int experts, int used, int groups) {
            if (scores.length < experts || chosen.length < used || groupRanks.length < groups) {
                scores = new double[experts];
                ranks = new double[experts];
                closed = new boolean[experts];
                groupRanks = new double[groups];
                closedGroups = new boolean[groups];
                shares = new double[used];
                chosen = new int[used];
            }
        }

        void score(float[] logits, int experts, Routing.Scoring scoring) {
            for (int e = 0; e < experts; e++) {
                scores[e] =
                        scoring == Routing.Scoring.SIGMOID
                                ? 1 / (1 + Math.exp(-logits[e]))
                                : logits[e];
            }
            if (scoring == Routing.Scoring.SOFTMAX) {
                softmax(scores, experts);
            }
        }

        void rank(float[] bias, int experts) {
            for (int e = 0; e < experts; e++) {
                ranks[e] = scores[e] + bias[e];
            }
            Arrays.fill(closed, 0, experts, false);
        }

        /** Takes experts of groups that do not compete out of the ranking. */
        void closeWorseGroups(int experts, Routing routing) {
            int groups = routing.groups();
            if (routing.groupsUsed() == groups) {
                return;
            }
            int size = experts / groups;
            Arrays.fill(closedGroups, 0, groups, false);
            for (int g = 0; g < groups; g++) {
                groupRanks[g] = bestOf(g * size, size, routing.groupBest());
            }
            for (int open = groups; open > routing.groupsUsed(); open--) {
                int worst = worstGroup(groups);
                closedGroups[worst] = true;
                Arrays.fill(closed, worst * size, (worst + 1) * size, true);
            }
        }

        private double bestOf(int from, int size, int count) {
            double best = Double.NEGATIVE_INFINITY;
            double second = Double.NEGATIVE_INFINITY;
            for (int e = from; e < from + size; e++) {
                if (ranks[e] > best) {
                    second = best;
                    best = ranks[e];
                } else if (ranks[e] > second) {
                    second = ranks[e];
                }
            }
            return size == 1 || count == 1 ? best : best + second;
        }

        /** The lowest rank; the last of equals, since the first of equals wins. */
        private int worstGroup(int groups) {
            int worst = -1;
            for (int g = 0; g < groups; g++) {
                if (!closedGroups[g] && (worst < 0 || groupRanks[g] <= groupRanks[worst])) {
                    worst = g;
                }
            }
            return worst;
        }

        void choose(int experts, int used) {
            for (int j = 0; j < used; j++) {
                int best = -1;
                for (int e = 0; e < experts; e++) {
                    if (!closed[e] && (best < 0 || ranks[e] > ranks[best])) {
                        best = e;
                    }
                }
                chosen[j] = best;
                closed[best] = true;
            }
        }

        void share(float[] result, Routing routing) {
            int used = routing.used();
            for (int j = 0; j < used; j++) {
                shares[j] = scores[chosen[j]];
            }
            if (routing.scoring() == Routing.Scoring.SOFTMAX_OF_CHOSEN) {
                softmax(shares, used);
            }
            double sum = 1;
            if (routing.normalize()) {
                sum = 0;
                for (int j = 0; j < used; j++) {
                    sum += shares[j];
                }
            }
            for (int j = 0; j < used; j++) {
                result[j] = (float) (shares[j] / sum * routing.scale());
            }
        }

        private static void softmax(double[] values, int count) {
            double largest = Double.NEGATIVE_INFINITY;
            for (int i = 0; i < count; i++) {
                largest = Math.max(largest, values[i]);
            }
            double sum = 0;
            for (int i = 0; i < count; i++) {
                values[i] = Math.exp(values[i] - largest);
                sum += values[i];
            }
            for (int i = 0; i < count; i++) {
                values[i] /= sum;
            }
        }
    }
}
