package dev.juggler.engine.architecture;

import dev.juggler.engine.gguf.GgufValueType;
import dev.juggler.engine.gguf.GgufWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A model of a family with a random shape and random weights, for tests: it writes itself as a
 * file, and {@link StraightLineModel} computes it from its fields.
 */
final class RandomModel {
    /** A tensor: dimensions fastest first. */
    static final class Weight {
        final float[] values;
        final int[] dimensions;

        /** As the file has them. */
        long[] extents() {
            return Arrays.stream(dimensions).asLongStream().toArray();
        }

        Weight(float[] values, int... dimensions) {
            this.values = values;
            this.dimensions = dimensions;
        }
    }

    final Map<String, Weight> tensors = new LinkedHashMap<>();
    final String family;
    final Random random;
    int layers;
    int width;
    int heads;
    int kvHeads;
    int keyWidth;
    int valueWidth;
    int rotated;
    int inner;
    int experts;
    int expertsUsed;
    int expertInner;
    int sharedInner;
    int vocabulary;
    int window;
    double ropeBase;
    double linearFactor = 1;
    double yarnFactor;
    int yarnContext;
    double yarnExtension = 1;
    double betaFast = 32;
    double betaSlow = 1;
    double ropeFactor = 1;
    float epsilon;
    boolean neighbours;
    boolean biases;
    boolean outputBias;
    boolean headNorm;
    boolean wholeNorm;
    boolean normalizeShares;
    boolean tied;
    boolean frequencyFactors;
    boolean sinks;
    boolean clamped;
    boolean alternating;
    boolean sigmoid;
    boolean choiceBias;
    boolean sharedGate;
    boolean explicitRouting;

    /** Whether keys that only repeat what holds without them are left out. */
    boolean terse;

    int leadingDense;
    int groups = 1;
    int groupsUsed = 1;
    double shareScale = 1;
    int groupBest = 2;
    String secondNorm = "ffn_norm";
    @Nullable RandomLatent latent;

    RandomModel(String family, long seed) {
        this(family, new Random(seed));
        weights();
    }

    /** The shape alone, to look for a model with certain features. */
    static RandomModel shape(String family, long seed) {
        return new RandomModel(family, new Random(seed));
    }

    private RandomModel(String family, Random random) {
        this.family = family;
        this.random = random;
        layers = 1 + random.nextInt(4);
        kvHeads = 1 + random.nextInt(3);
        heads = kvHeads * (1 + random.nextInt(3));
        keyWidth = 2 * (2 + random.nextInt(14));
        valueWidth = 1 + random.nextInt(24);
        rotated = random.nextBoolean() ? keyWidth : 2 * (1 + random.nextInt(keyWidth / 2));
        width = 8 + random.nextInt(random.nextInt(4) == 0 ? 200 : 80);
        inner = 8 + random.nextInt(80);
        vocabulary = 32 + random.nextInt(300);
        ropeBase = Math.pow(10, 3 + 3 * random.nextDouble());
        epsilon = random.nextBoolean() ? 1e-5f : 1e-6f;
        tied = random.nextInt(3) == 0;
        switch (family) {
            case "llama" -> llama();
            case "qwen2" -> biases = true;
            case "qwen2moe" -> {
                biases = true;
                softmaxExperts(false);
                sharedInner = 4 + random.nextInt(40);
                sharedGate = true;
            }
            case "deepseek2" -> latent = new RandomLatent(this);
            case "glm4moe" -> glm();
            case "gpt-oss" -> gptOss();
            case "qwen3" -> headNorm = true;
            case "qwen3moe" -> {
                headNorm = true;
                softmaxExperts(true);
            }
            case "olmoe" -> {
                wholeNorm = true;
                softmaxExperts(false);
                inner = expertInner;
            }
            default -> throw new IllegalArgumentException(family);
        }
        switch (random.nextInt(3)) {
            case 0 -> linearFactor = 1 + 7 * random.nextDouble();
            case 1 -> {
                yarnFactor = 2 + 30 * random.nextDouble();
                yarnContext = 16 + random.nextInt(100);
                yarn();
            }
            default -> {}
        }
        if (latent == null && random.nextInt(4) == 0) {
            terse = true;
            valueWidth = keyWidth;
            rotated = keyWidth;
            width = heads * keyWidth;
        }
    }

    /** What files rarely say of YaRN. */
    private void yarn() {
        if (random.nextBoolean()) {
            yarnExtension = 0.3 + 0.7 * random.nextDouble();
            betaFast = 8 + 40 * random.nextDouble();
            betaSlow = 0.5 + 2 * random.nextDouble();
            ropeFactor = 0.7 + 0.6 * random.nextDouble();
        }
    }

    private void llama() {
        neighbours = true;
        biases = random.nextBoolean();
        outputBias = biases && random.nextBoolean();
        frequencyFactors = random.nextInt(3) == 0;
        window = random.nextInt(3) == 0 ? 1 + random.nextInt(20) : 0;
        if (random.nextBoolean()) {
            softmaxExperts(true);
            inner = expertInner;
        }
    }

    private void glm() {
        secondNorm = "post_attention_norm";
        biases = true;
        headNorm = random.nextBoolean();
        groupedExperts();
    }

    /** Experts as GLM-4.5 and DeepSeek have them. */
    void groupedExperts() {
        experts(random.nextBoolean());
        groups = 1 + random.nextInt(3);
        groupsUsed = 1 + random.nextInt(groups);
        experts = groups * (2 + random.nextInt(6));
        expertsUsed = 1 + random.nextInt(experts / groups * groupsUsed);
        sharedInner = expertInner * random.nextInt(3);
        leadingDense = random.nextInt(layers + 1);
        sigmoid = random.nextBoolean();
        choiceBias = random.nextBoolean();
        shareScale = 0.5 + 2 * random.nextDouble();
    }

    private void gptOss() {
        secondNorm = "post_attention_norm";
        biases = true;
        outputBias = true;
        sinks = true;
        clamped = true;
        alternating = true;
        window = 1 + random.nextInt(20);
        experts(true);
    }

    /** The window of a layer, 0 for none. */
    int window(int layer) {
        return alternating && layer % 2 == 1 ? 0 : window;
    }

    /** Whether a layer has experts. */
    boolean hasExperts(int layer) {
        return experts > 0 && layer >= leadingDense;
    }

    private void experts(boolean normalize) {
        experts = 2 + random.nextInt(random.nextInt(4) == 0 ? 60 : 14);
        expertsUsed = 1 + random.nextInt(Math.min(experts, 12));
        expertInner = 4 + random.nextInt(40);
        inner = Math.max(inner, expertsUsed);
        normalizeShares = normalize;
    }

    /** Experts of families that have one way to choose them, which files may spell out. */
    private void softmaxExperts(boolean normalize) {
        experts(normalize);
        explicitRouting = random.nextInt(3) == 0;
        if (explicitRouting) {
            normalizeShares = random.nextBoolean();
            shareScale = 0.5 + 2 * random.nextDouble();
        }
    }

    private void weights() {
        add("token_embd.weight", tied ? 1.5 / Math.sqrt(width) : 1, width, vocabulary);
        norm("output_norm.weight", width);
        if (!tied) {
            matrix("output.weight", width, vocabulary);
        }
        if (frequencyFactors) {
            Weight factors = add("rope_freqs.weight", 0, rotated / 2);
            for (int i = 0; i < factors.values.length; i++) {
                factors.values[i] = 1 + 7 * random.nextFloat();
            }
        }
        for (int layer = 0; layer < layers; layer++) {
            String blk = "blk." + layer + ".";
            attention(blk);
            norm(blk + secondNorm + ".weight", width);
            if (!hasExperts(layer)) {
                matrix(blk + "ffn_gate.weight", width, inner);
                matrix(blk + "ffn_up.weight", width, inner);
                matrix(blk + "ffn_down.weight", inner, width);
            } else {
                mixture(blk);
            }
        }
    }

    private void attention(String blk) {
        norm(blk + "attn_norm.weight", width);
        if (latent != null) {
            latent.addWeights(blk);
            return;
        }
        matrix(blk + "attn_q.weight", width, heads * keyWidth);
        matrix(blk + "attn_k.weight", width, kvHeads * keyWidth);
        matrix(blk + "attn_v.weight", width, kvHeads * valueWidth);
        matrix(blk + "attn_output.weight", heads * valueWidth, width);
        if (biases) {
            add(blk + "attn_q.bias", 0.5, heads * keyWidth);
            add(blk + "attn_k.bias", 0.5, kvHeads * keyWidth);
            add(blk + "attn_v.bias", 0.2, kvHeads * valueWidth);
        }
        if (sinks) {
            add(blk + "attn_sinks.weight", 1, heads);
        }
        if (outputBias) {
            add(blk + "attn_output.bias", 0.2, width);
        }
        if (headNorm || wholeNorm) {
            norm(blk + "attn_q_norm.weight", headNorm ? keyWidth : heads * keyWidth);
            norm(blk + "attn_k_norm.weight", headNorm ? keyWidth : kvHeads * keyWidth);
        }
    }

    private void mixture(String blk) {
        matrix(blk + "ffn_gate_inp.weight", width, experts);
        matrix(blk + "ffn_gate_exps.weight", width, expertInner, experts);
        matrix(blk + "ffn_up_exps.weight", width, expertInner, experts);
        matrix(blk + "ffn_down_exps.weight", expertInner, width, experts);
        if (clamped) {
            add(blk + "ffn_gate_inp.bias", 0.5, experts);
            add(blk + "ffn_gate_exps.bias", 0.5, expertInner, experts);
            add(blk + "ffn_up_exps.bias", 0.5, expertInner, experts);
            add(blk + "ffn_down_exps.bias", 0.5, width, experts);
        }
        if (choiceBias) {
            add(blk + "exp_probs_b.bias", 0.2, experts);
        }
        if (sharedGate) {
            matrix(blk + "ffn_gate_inp_shexp.weight", width);
        }
        if (sharedInner > 0) {
            matrix(blk + "ffn_gate_shexp.weight", width, sharedInner);
            matrix(blk + "ffn_up_shexp.weight", width, sharedInner);
            matrix(blk + "ffn_down_shexp.weight", sharedInner, width);
        }
    }

    void matrix(String name, int... dimensions) {
        add(name, 1.4 / Math.sqrt(dimensions[0]), dimensions);
    }

    void norm(String name, int size) {
        Weight weight = add(name, 0.1, size);
        for (int i = 0; i < size; i++) {
            weight.values[i] += 1;
        }
    }

    Weight add(String name, double deviation, int... dimensions) {
        int count = 1;
        for (int dimension : dimensions) {
            count *= dimension;
        }
        float[] values = new float[count];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        Weight weight = new Weight(values, dimensions);
        tensors.put(name, weight);
        return weight;
    }

    /** Some token ids. */
    int[] ids(int count) {
        return random.ints(count, 0, vocabulary).toArray();
    }

    /** The keys of the file below the family's name, in order. */
    Map<String, Object> keys() {
        return new RandomModelKeys(this).keys();
    }

    /** The file. */
    GgufWriter file() {
        return file(keys());
    }

    /** The file with other keys. */
    GgufWriter file(Map<String, Object> keys) {
        GgufWriter writer = new GgufWriter().string("general.architecture", family);
        keys.forEach((key, value) -> put(writer, family + "." + key, value));
        tensors.forEach((name, weight) -> writer.tensor(name, weight.values, weight.extents()));
        return writer;
    }

    static void put(GgufWriter writer, String key, Object value) {
        switch (value) {
            case Integer number -> writer.uint32(key, number);
            case Long number -> writer.integer(key, GgufValueType.INT64, number);
            case Float number -> writer.float32(key, number);
            case Boolean truth -> writer.bool(key, truth);
            case String text -> writer.string(key, text);
            default -> throw new IllegalArgumentException(key + " = " + value);
        }
    }
}
