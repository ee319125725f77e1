package dev.juggler.engine.placement;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * How often the tokens of some texts were sent to each expert of each layer, as {@code juggler
 * profile} counts it. A file of it has a line for each layer, {@code layer 3 tokens 1000 counts 12
 * 0 7 ...}; lines that begin with # are for people.
 */
public final class RoutingProfile implements ExpertUse {
    private static final Pattern SPACE = Pattern.compile("\\s+");
    private static final int WORDS_BEFORE_COUNTS = 5;
    private static final int MOST_LAYERS = 1 << 16;

    private final Map<Integer, long[]> counts = new TreeMap<>();
    private final Map<Integer, Long> tokens = new TreeMap<>();

    /** An empty one, to be filled by {@link #add}. */
    public RoutingProfile() {}

    /**
     * Counts the choices of some tokens.
     *
     * @param layer the layer, from 0
     * @param experts how many experts it has
     * @param rows how many tokens
     * @param chosen ids of the experts that these tokens were sent to; negative ones are no choice
     */
    public void add(int layer, int experts, int rows, int[] chosen) {
        long[] counted = counts.computeIfAbsent(layer, l -> new long[experts]);
        for (int expert : chosen) {
            if (expert >= 0) {
                counted[expert]++;
            }
        }
        tokens.merge(layer, (long) rows, Long::sum);
    }

    /** Tokens that the layer with most of them has seen. */
    public long tokens() {
        return tokens.values().stream().mapToLong(Long::longValue).max().orElse(0);
    }

    /** Layers that have been seen. */
    public int layers() {
        return counts.size();
    }

    @Override
    public double share(int layer, int expert) {
        long[] counted = counts.getOrDefault(layer, new long[0]);
        long seen = tokens.getOrDefault(layer, 0L);
        return seen == 0 || expert >= counted.length
                ? 0
                : Math.min(1, (double) counted[expert] / seen);
    }

    /** The share of choices that the most used {@code part} of the experts of each layer takes. */
    public double concentration(double part) {
        long all = 0;
        long top = 0;
        for (long[] counted : counts.values()) {
            long[] sorted = counted.clone();
            Arrays.sort(sorted);
            int most = (int) Math.round(part * sorted.length);
            for (int i = 0; i < sorted.length; i++) {
                all += sorted[i];
                top += i >= sorted.length - most ? sorted[i] : 0;
            }
        }
        return all == 0 ? 0 : (double) top / all;
    }

    /**
     * Writes it.
     *
     * @param model what the file says it is of
     */
    public void write(Path file, String model) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add("# how often tokens were sent to each expert of " + model);
        counts.forEach((layer, counted) -> {
            StringBuilder line = new StringBuilder();
            line.append(
                    String.format(
                            Locale.ROOT,
                            "layer %d tokens %d counts",
                            layer,
                            tokens.getOrDefault(layer, 0L)));
            for (long count : counted) {
                line.append(' ').append(count);
            }
            lines.add(line.toString());
        });
        Files.write(file, lines);
    }

    /**
     * Reads one.
     *
     * @throws PlacementException naming the file, the line and the remedy
     */
    public static RoutingProfile read(Path file) {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (IOException e) {
            throw new PlacementException(
                    "the routing profile %s cannot be read (%s); record it with juggler profile"
                            .formatted(file, e));
        }
        RoutingProfile profile = new RoutingProfile();
        for (int number = 0; number < lines.size(); number++) {
            String line = lines.get(number).strip();
            if (!line.isEmpty() && !line.startsWith("#") && !profile.readLine(line)) {
                throw new PlacementException(
                        "%s, line %d: \"%s\" is not \"layer N tokens N counts N N ...\"; record it with juggler profile"
                                .formatted(
                                        file,
                                        number + 1,
                                        line.substring(0, Math.min(40, line.length()))));
            }
        }
        return profile;
    }

    /**
     * Reads one of this model.
     *
     * @throws PlacementException likewise, or if it is of another model
     */
    public static RoutingProfile read(Path file, List<WeightDescriptor> weights) {
        RoutingProfile profile = read(file);
        profile.requireFit(file, weights);
        return profile;
    }

    private boolean readLine(String line) {
        String[] words = SPACE.splitAsStream(line).toArray(String[]::new);
        if (words.length <= WORDS_BEFORE_COUNTS
                || !words[0].equals("layer")
                || !words[2].equals("tokens")
                || !words[4].equals("counts")) {
            return false;
        }
        try {
            int layer = Integer.parseInt(words[1]);
            long seen = Long.parseLong(words[3]);
            long[] counted = new long[words.length - WORDS_BEFORE_COUNTS];
            for (int i = 0; i < counted.length; i++) {
                counted[i] = Long.parseLong(words[i + WORDS_BEFORE_COUNTS]);
                if (counted[i] < 0 || counted[i] > seen) {
                    return false;
                }
            }
            boolean sound = layer >= 0 && layer < MOST_LAYERS && !counts.containsKey(layer);
            counts.put(layer, counted);
            tokens.put(layer, seen);
            return sound;
        } catch (NumberFormatException e) {
            return false;
        }
    }

    /**
     * Checks that it can be of this model.
     *
     * @throws PlacementException if layers or experts differ
     */
    private void requireFit(Path file, List<WeightDescriptor> weights) {
        for (WeightDescriptor weight : weights) {
            if (weight.role() != Role.EXPERTS || weight.experts() == 0) {
                continue;
            }
            long[] counted = counts.get(weight.layer());
            if (counted == null || counted.length != weight.experts()) {
                throw new PlacementException(
                        "the routing profile %s is of another model: layer %d has %d experts, not %s; record one of this model with juggler profile"
                                .formatted(
                                        file,
                                        weight.layer(),
                                        weight.experts(),
                                        counted == null ? "none" : counted.length));
            }
        }
    }
}
