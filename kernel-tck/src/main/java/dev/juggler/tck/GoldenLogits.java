package dev.juggler.tck;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The golden logits of one model file and one sequence, and how others are compared with them. */
public final class GoldenLogits {
    /** Margins below this are ties: either token is right. */
    private static final double TIE = 1e-3;

    private static final String NATIVE = "native";
    private static final String SHORT = "seq16";

    /** What the logits of a position come to at most that went to another expert. */
    private static final double FLIPPED = 0.5;

    private final String model;
    private final String sequence;
    private final JsonNode description;

    private GoldenLogits(String model, String sequence) {
        this.model = model;
        this.sequence = sequence;
        description = json("logits/" + model + ".json");
    }

    /**
     * Opens them; they are beside the checkout, or the test is skipped.
     *
     * @param model e.g. {@code qwen3moe.Q4_0}
     * @param sequence e.g. {@code seq16}
     */
    public static GoldenLogits of(String model, String sequence) {
        return new GoldenLogits(model, sequence);
    }

    /** Reads a description of the golden data. */
    public static JsonNode json(String path) {
        try {
            return JsonMapper.shared().readTree(Files.readString(GoldenData.require(path)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The ids that the logits belong to. */
    public int[] ids() {
        List<Integer> ids = new ArrayList<>();
        json("logits/sequences.json").get(sequence).forEach(id -> ids.add(id.asInt()));
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }

    private float[][] expected() {
        JsonNode file = description.get("files").get(sequence);
        int rows = file.get("shape").get(0).asInt();
        int columns = file.get("shape").get(1).asInt();
        Path path = GoldenData.require("logits/" + file.get("file").asString());
        try {
            ByteBuffer bytes =
                    ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
            float[][] logits = new float[rows][columns];
            for (float[] row : logits) {
                for (int i = 0; i < columns; i++) {
                    row[i] = bytes.getFloat();
                }
            }
            return logits;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * How logits compare with the golden ones.
     *
     * @param problems what is wrong, empty if nothing is
     * @param flipped whether nothing is wrong but for one position of a short sequence, for which
     *     rounding chose another expert
     */
    public record Verdict(List<String> problems, boolean flipped) {}

    /**
     * Judges logits; the measures and their limits are those of the golden data's own comparison.
     *
     * @param toleranceClass {@code f32}, {@code f16} or {@code native}
     */
    public Verdict judge(float[][] actual, String toleranceClass) {
        float[][] expected = expected();
        double[] byPosition = new double[expected.length];
        double[] shares = new double[expected.length];
        double difference = 0;
        double norm = 0;
        int same = 0;
        boolean finite = true;
        for (int row = 0; row < expected.length; row++) {
            double rowDifference = 0;
            double rowNorm = 0;
            for (int i = 0; i < expected[row].length; i++) {
                double d = (double) expected[row][i] - actual[row][i];
                rowDifference += d * d;
                rowNorm += (double) expected[row][i] * expected[row][i];
                finite &= Float.isFinite(actual[row][i]);
            }
            byPosition[row] = rowDifference / rowNorm;
            shares[row] = rowDifference;
            difference += rowDifference;
            norm += rowNorm;
            same += best(expected[row]) == best(actual[row]) || margin(expected[row]) < TIE ? 1 : 0;
        }
        double[] sorted = byPosition.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        List<String> problems = new ArrayList<>();
        if (!finite) {
            problems.add("not all logits are finite");
        }
        boolean byPeers = toleranceClass.equals(NATIVE) && sequence.equals(SHORT);
        JsonNode limits =
                byPeers ? limitsByPeers(n) : description.get("tolerance").get(toleranceClass);
        double limit = limits.get("nmse").asDouble();
        double others = difference - Arrays.stream(shares).max().orElse(0);
        boolean flipped =
                byPeers
                        && difference / norm > limit
                        && others / norm <= limit
                        && sorted[n - 1] <= FLIPPED;
        if (!flipped) {
            check(problems, limits, "nmse", difference / norm);
        }
        check(problems, limits, "max_pos_nmse", sorted[n - 1]);
        check(problems, limits, "median_pos_nmse", (sorted[(n - 1) / 2] + sorted[n / 2]) / 2);
        check(problems, limits, "top1", (double) same / n);
        problems.replaceAll(problem -> "%s %s: %s".formatted(model, sequence, problem));
        return new Verdict(problems, flipped && problems.isEmpty());
    }

    /**
     * The stated limits for rounded activations are of 200 positions; of 16, a single one whose
     * expert flips is too many, for the engines that they were made from as well. There ours may
     * differ three times as much as the worst of those on the same file, and miss two more tokens.
     * An expert that flips though none of theirs did is told apart from this, see {@link Verdict}.
     */
    private JsonNode limitsByPeers(int positions) {
        double error = 0;
        double median = 0;
        double top1 = 1;
        for (Map.Entry<String, JsonNode> peer :
                description.get("differences_from_this_file").properties()) {
            if (!peer.getKey().startsWith(NATIVE) || isDefective(peer.getKey())) {
                continue;
            }
            JsonNode found = peer.getValue().get(sequence);
            error = Math.max(error, found.get("nmse").asDouble());
            median = Math.max(median, found.get("median_pos_nmse").asDouble());
            top1 = Math.min(top1, found.get("top1").asDouble());
        }
        return JsonMapper.shared()
                .createObjectNode()
                .put("nmse", 3 * error)
                .put("median_pos_nmse", 3 * median)
                .put("top1", top1 - 2.0 / positions);
    }

    private boolean isDefective(String peer) {
        JsonNode defects = description.get("peer_defects");
        return defects != null && defects.toString().contains('"' + peer + '"');
    }

    /** Whether there are limits of a class; files whose weights are floats have none for native. */
    public boolean has(String toleranceClass) {
        return description.get("tolerance").has(toleranceClass);
    }

    private static void check(
            List<String> problems, JsonNode limits, String measure, double value) {
        if (!limits.has(measure)) {
            return;
        }
        double limit = limits.get(measure).asDouble();
        boolean good = measure.equals("top1") ? value >= limit : value <= limit;
        if (!good) {
            problems.add("%s is %.3g, the limit is %.3g".formatted(measure, value, limit));
        }
    }

    /** The most likely token. */
    public static int best(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        return best;
    }

    /** Distance of the two largest. */
    public static double margin(float[] logits) {
        float[] sorted = logits.clone();
        Arrays.sort(sorted);
        return (double) sorted[sorted.length - 1] - sorted[sorted.length - 2];
    }
}
