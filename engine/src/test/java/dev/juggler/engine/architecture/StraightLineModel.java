package dev.juggler.engine.architecture;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * A {@link RandomModel} computed in float64 by plain loops, position by position over the whole
 * prefix, as the papers write it. It shares nothing with the engine.
 */
final class StraightLineModel {
    private final RandomModel model;

    StraightLineModel(RandomModel model) {
        this.model = model;
    }

    /** Logits after each of these tokens. */
    double[][] logits(int[] ids) {
        double[][] x = new double[ids.length][];
        for (int p = 0; p < ids.length; p++) {
            x[p] = row("token_embd.weight", ids[p], model.width);
        }
        for (int layer = 0; layer < model.layers; layer++) {
            String blk = "blk." + layer + ".";
            double[][] normed = normed(x, blk + "attn_norm.weight");
            double[][] attended =
                    model.latent == null
                            ? attention(blk, normed, layer)
                            : new StraightLineLatent(model, this).attention(blk, normed);
            addTo(x, attended);
            double[][] h = normed(x, blk + model.secondNorm + ".weight");
            for (int p = 0; p < ids.length; p++) {
                addTo(x[p], model.hasExperts(layer) ? mixture(blk, h[p]) : dense(blk, h[p], "", 0));
            }
        }
        double[][] h = normed(x, "output_norm.weight");
        String head = model.tied ? "token_embd.weight" : "output.weight";
        return Arrays.stream(h).map(row -> times(head, 0, row)).toArray(double[][]::new);
    }

    private double[][] attention(String blk, double[][] h, int layer) {
        int positions = h.length;
        double[][] q = new double[positions][];
        double[][] k = new double[positions][];
        double[][] v = new double[positions][];
        for (int p = 0; p < positions; p++) {
            q[p] = projected(blk + "attn_q", h[p], model.heads);
            k[p] = projected(blk + "attn_k", h[p], model.kvHeads);
            v[p] = biased(blk + "attn_v.bias", times(blk + "attn_v.weight", 0, h[p]));
            rotate(q[p], model.heads, p);
            rotate(k[p], model.kvHeads, p);
        }
        double[][] out = new double[positions][];
        for (int p = 0; p < positions; p++) {
            double[] all = new double[model.heads * model.valueWidth];
            for (int head = 0; head < model.heads; head++) {
                double sink = model.sinks ? Math.exp(values(blk + "attn_sinks.weight")[head]) : 0;
                int window = model.window(layer);
                int first = window == 0 ? 0 : Math.max(0, p - window + 1);
                attend(all, q[p], Arrays.copyOf(k, p + 1), v, head, first, sink);
            }
            out[p] = biased(blk + "attn_output.bias", times(blk + "attn_output.weight", 0, all));
        }
        return out;
    }

    private void attend(
            double[] all,
            double[] q,
            double[][] k,
            double[][] v,
            int head,
            int first,
            double sink) {
        int kvHead = head / (model.heads / model.kvHeads);
        int p = k.length - 1;
        double[] scores = new double[p + 1];
        double sum = sink;
        for (int other = first; other <= p; other++) {
            double dot = 0;
            for (int i = 0; i < model.keyWidth; i++) {
                dot += q[head * model.keyWidth + i] * k[other][kvHead * model.keyWidth + i];
            }
            scores[other] = Math.exp(dot / Math.sqrt(model.keyWidth));
            sum += scores[other];
        }
        for (int other = first; other <= p; other++) {
            for (int i = 0; i < model.valueWidth; i++) {
                all[head * model.valueWidth + i] +=
                        scores[other] / sum * v[other][kvHead * model.valueWidth + i];
            }
        }
    }

    private double[] projected(String name, double[] h, int heads) {
        double[] y = biased(name + ".bias", times(name + ".weight", 0, h));
        if (model.wholeNorm) {
            return norm(y, 0, y.length, name + "_norm.weight");
        }
        if (model.headNorm) {
            for (int head = 0; head < heads; head++) {
                int from = head * model.keyWidth;
                double[] part = norm(y, from, model.keyWidth, name + "_norm.weight");
                System.arraycopy(part, 0, y, from, model.keyWidth);
            }
        }
        return y;
    }

    private void rotate(double[] y, int heads, int position) {
        int half = model.rotated / 2;
        double magnitude = 1;
        if (model.yarnFactor > 0) {
            magnitude = (float) model.ropeFactor * (0.1 * Math.log(model.yarnFactor) + 1);
        }
        for (int head = 0; head < heads; head++) {
            for (int i = 0; i < half; i++) {
                int from = head * model.keyWidth;
                int a = from + (model.neighbours ? 2 * i : i);
                int b = from + (model.neighbours ? 2 * i + 1 : i + half);
                double angle = position * frequency(i);
                double first = y[a];
                double second = y[b];
                y[a] = magnitude * (first * Math.cos(angle) - second * Math.sin(angle));
                y[b] = magnitude * (first * Math.sin(angle) + second * Math.cos(angle));
            }
        }
    }

    double frequency(int pair) {
        double theta = Math.pow((float) model.ropeBase, -2.0 * pair / model.rotated);
        if (model.frequencyFactors) {
            theta /= values("rope_freqs.weight")[pair];
        }
        if (model.yarnFactor == 0) {
            return theta / (float) model.linearFactor;
        }
        // YaRN, section 3: gamma by the number of turns in the original context, between 1 and 32
        // unless the file has others, in terms of the pair's index, rounded outwards, as all its
        // implementations do; files may mix in less of it.
        double low = Math.max(0, Math.floor(pairOf((float) model.betaFast)));
        double high = Math.min(model.rotated - 1, Math.ceil(pairOf((float) model.betaSlow)));
        double interpolated = Math.min(1, Math.max(0, (pair - low) / Math.max(0.001, high - low)));
        double kept = (1 - interpolated) * (float) model.yarnExtension;
        return theta * kept + theta / (float) model.yarnFactor * (1 - kept);
    }

    private double pairOf(double turns) {
        return model.rotated
                * Math.log(model.yarnContext / (2 * Math.PI * turns))
                / (2 * Math.log((float) model.ropeBase));
    }

    private double[] mixture(String blk, double[] h) {
        double[] logits =
                biased(blk + "ffn_gate_inp.bias", times(blk + "ffn_gate_inp.weight", 0, h));
        double largest = Arrays.stream(logits).max().orElseThrow();
        double[] scores =
                Arrays.stream(logits)
                        .map(v -> model.sigmoid ? 1 / (1 + Math.exp(-v)) : Math.exp(v - largest))
                        .toArray();
        if (!model.sigmoid) {
            double total = Arrays.stream(scores).sum();
            scores = Arrays.stream(scores).map(score -> score / total).toArray();
        }
        double[] shares = scores;
        int[] chosen = chosen(biased(blk + "exp_probs_b.bias", scores.clone()));
        double sum = 1;
        if (model.normalizeShares) {
            sum = Arrays.stream(chosen).mapToDouble(e -> shares[e]).sum();
        }
        double[] out = new double[model.width];
        for (int e : chosen) {
            double[] y = dense(blk, h, "_exps", e);
            for (int i = 0; i < out.length; i++) {
                out[i] += model.shareScale * shares[e] / sum * y[i];
            }
        }
        if (model.sharedInner > 0) {
            double share = 1;
            if (model.sharedGate) {
                share = 1 / (1 + Math.exp(-times(blk + "ffn_gate_inp_shexp.weight", 0, h)[0]));
            }
            double[] y = dense(blk, h, "_shexp", 0);
            for (int i = 0; i < out.length; i++) {
                out[i] += share * y[i];
            }
        }
        return out;
    }

    /** The best experts of the best groups; a group is as good as its best expert or two. */
    private int[] chosen(double[] scores) {
        int size = scores.length / model.groups;
        int[] groups =
                best(
                        model.groupsUsed,
                        IntStream.range(0, model.groups)
                                .mapToDouble(group ->
                                        Arrays.stream(scores, group * size, (group + 1) * size)
                                                .map(score -> -score)
                                                .sorted()
                                                .limit(model.groupBest)
                                                .map(score -> -score)
                                                .sum())
                                .toArray());
        double[] candidates = new double[scores.length];
        Arrays.fill(candidates, Double.NEGATIVE_INFINITY);
        for (int group : groups) {
            System.arraycopy(scores, group * size, candidates, group * size, size);
        }
        return best(model.expertsUsed, candidates);
    }

    private static int[] best(int count, double[] scores) {
        return IntStream.range(0, scores.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -scores[i]))
                .limit(count)
                .mapToInt(Integer::intValue)
                .toArray();
    }

    private double[] dense(String blk, double[] h, String kind, int expert) {
        double[] gate = part(blk + "ffn_gate" + kind, expert, h);
        double[] up = part(blk + "ffn_up" + kind, expert, h);
        for (int i = 0; i < gate.length; i++) {
            if (model.clamped) {
                double g = Math.min(gate[i], 7);
                double u = Math.max(-7, Math.min(up[i], 7));
                gate[i] = g / (1 + Math.exp(-1.702 * g)) * (u + 1);
            } else {
                gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
            }
        }
        return part(blk + "ffn_down" + kind, expert, gate);
    }

    private double[] part(String name, int expert, double[] x) {
        double[] y = times(name + ".weight", expert, x);
        if (model.tensors.containsKey(name + ".bias")) {
            addTo(y, row(name + ".bias", expert, y.length));
        }
        return y;
    }

    private double[][] normed(double[][] x, String name) {
        return Arrays.stream(x).map(row -> norm(row, 0, row.length, name)).toArray(double[][]::new);
    }

    double[] norm(double[] x, int from, int count, String name) {
        double squares = 0;
        for (int i = 0; i < count; i++) {
            squares += x[from + i] * x[from + i];
        }
        double[] y = new double[count];
        for (int i = 0; i < count; i++) {
            y[i] = x[from + i] / Math.sqrt(squares / count + model.epsilon) * values(name)[i];
        }
        return y;
    }

    /** Matrix {@code index} of a tensor times a vector. */
    double[] times(String name, int index, double[] x) {
        RandomModel.Weight weight = weight(name);
        int columns = weight.dimensions[0];
        int rows = weight.dimensions.length > 1 ? weight.dimensions[1] : 1;
        double[] y = new double[rows];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                y[r] += x[c] * weight.values[(index * rows + r) * columns + c];
            }
        }
        return y;
    }

    private double[] biased(String name, double[] y) {
        if (model.tensors.containsKey(name)) {
            addTo(y, row(name, 0, y.length));
        }
        return y;
    }

    private double[] row(String name, int index, int columns) {
        double[] row = new double[columns];
        for (int i = 0; i < columns; i++) {
            row[i] = values(name)[index * columns + i];
        }
        return row;
    }

    float[] values(String name) {
        return weight(name).values;
    }

    private RandomModel.Weight weight(String name) {
        RandomModel.Weight weight = model.tensors.get(name);
        if (weight == null) {
            throw new IllegalArgumentException(name);
        }
        return weight;
    }

    private static void addTo(double[][] x, double[][] y) {
        for (int p = 0; p < x.length; p++) {
            addTo(x[p], y[p]);
        }
    }

    private static void addTo(double[] x, double[] y) {
        for (int i = 0; i < x.length; i++) {
            x[i] += y[i];
        }
    }
}
