package dev.juggler.engine.architecture;

import java.util.Objects;

/**
 * Latent attention in float64 by plain loops, as DeepSeek-V2 (arXiv:2405.04434, section 2.1 and
 * appendix C) writes it: keys and values of every head are made at every position.
 */
final class StraightLineLatent {
    private final RandomModel model;
    private final RandomLatent latent;
    private final StraightLineModel line;

    StraightLineLatent(RandomModel model, StraightLineModel line) {
        this.model = model;
        this.latent = Objects.requireNonNull(model.latent);
        this.line = line;
    }

    double[][] attention(String blk, double[][] h) {
        double[][] q = new double[h.length][];
        double[][] k = new double[h.length][];
        double[][] v = new double[h.length][];
        for (int p = 0; p < h.length; p++) {
            q[p] = queries(blk, h[p], p);
            keyAndValue(blk, h[p], p, k, v);
        }
        double[][] out = new double[h.length][];
        for (int p = 0; p < h.length; p++) {
            double[] all = new double[model.heads * model.valueWidth];
            for (int head = 0; head < model.heads; head++) {
                attend(all, q[p], k, v, head, p);
            }
            out[p] = line.times(blk + "attn_output.weight", 0, all);
        }
        return out;
    }

    private double[] queries(String blk, double[] h, int position) {
        double[] q;
        if (latent.queryRank == 0) {
            q = line.times(blk + "attn_q.weight", 0, h);
        } else {
            double[] down = line.times(blk + "attn_q_a.weight", 0, h);
            double[] normed = line.norm(down, 0, down.length, blk + "attn_q_a_norm.weight");
            q = line.times(blk + "attn_q_b.weight", 0, normed);
        }
        for (int head = 0; head < model.heads; head++) {
            rotate(q, head * model.keyWidth + latent.unrotated, position);
        }
        return q;
    }

    private void keyAndValue(String blk, double[] h, int position, double[][] k, double[][] v) {
        double[] row = line.times(blk + "attn_kv_a_mqa.weight", 0, h);
        double[] c = line.norm(row, 0, latent.rank, blk + "attn_kv_a_norm.weight");
        rotate(row, latent.rank, position);
        k[position] = new double[model.heads * model.keyWidth];
        v[position] = new double[model.heads * model.valueWidth];
        for (int head = 0; head < model.heads; head++) {
            double[] key = key(blk, head, c);
            int at = head * model.keyWidth;
            System.arraycopy(key, 0, k[position], at, latent.unrotated);
            System.arraycopy(row, latent.rank, k[position], at + latent.unrotated, model.rotated);
            double[] value = value(blk, head, c);
            System.arraycopy(value, 0, v[position], head * model.valueWidth, value.length);
        }
    }

    private double[] key(String blk, int head, double[] c) {
        double[] key = new double[latent.unrotated];
        if (!latent.split) {
            double[] both = line.times(blk + "attn_kv_b.weight", 0, c);
            int ofHead = latent.unrotated + model.valueWidth;
            System.arraycopy(both, head * ofHead, key, 0, key.length);
            return key;
        }
        float[] weights = line.values(blk + "attn_k_b.weight"); // [head][rank][unrotated]
        for (int r = 0; r < latent.rank; r++) {
            for (int i = 0; i < key.length; i++) {
                key[i] += c[r] * weights[(head * latent.rank + r) * latent.unrotated + i];
            }
        }
        return key;
    }

    private double[] value(String blk, int head, double[] c) {
        if (latent.split) {
            return line.times(blk + "attn_v_b.weight", head, c);
        }
        double[] both = line.times(blk + "attn_kv_b.weight", 0, c);
        double[] value = new double[model.valueWidth];
        int from = head * (latent.unrotated + model.valueWidth) + latent.unrotated;
        System.arraycopy(both, from, value, 0, value.length);
        return value;
    }

    private void attend(
            double[] all, double[] q, double[][] k, double[][] v, int head, int position) {
        double[] shares = new double[position + 1];
        double sum = 0;
        for (int other = 0; other <= position; other++) {
            double dot = 0;
            for (int i = head * model.keyWidth; i < (head + 1) * model.keyWidth; i++) {
                dot += q[i] * k[other][i];
            }
            shares[other] = Math.exp(dot * scale());
            sum += shares[other];
        }
        for (int other = 0; other <= position; other++) {
            for (int i = head * model.valueWidth; i < (head + 1) * model.valueWidth; i++) {
                all[i] += shares[other] / sum * v[other][i];
            }
        }
    }

    private boolean hasTemperature() {
        return model.yarnFactor > 0 && latent.logMultiplier > 0;
    }

    /** As the released models do: YaRN's temperature, squared, on the whole score. */
    private double scale() {
        double temperature = 1;
        if (hasTemperature()) {
            double factor = (float) model.yarnFactor;
            temperature =
                    (float) model.ropeFactor
                            * (1 + (float) latent.logMultiplier * Math.log(factor));
        }
        return temperature * temperature / Math.sqrt(model.keyWidth);
    }

    /** Neighbours form pairs. */
    private void rotate(double[] x, int from, int position) {
        double magnitude =
                model.yarnFactor > 0 && !hasTemperature()
                        ? (float) model.ropeFactor * (1 + 0.1 * Math.log((float) model.yarnFactor))
                        : 1;
        for (int pair = 0; pair < model.rotated / 2; pair++) {
            double angle = position * line.frequency(pair);
            double a = x[from + 2 * pair];
            double b = x[from + 2 * pair + 1];
            x[from + 2 * pair] = magnitude * (a * Math.cos(angle) - b * Math.sin(angle));
            x[from + 2 * pair + 1] = magnitude * (a * Math.sin(angle) + b * Math.cos(angle));
        }
    }
}
