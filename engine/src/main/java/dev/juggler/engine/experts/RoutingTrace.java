package dev.juggler.engine.experts;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Which experts rows were sent to, one after the other, as {@code juggler profile --trace} writes
 * it: a line {@code layer 3 experts 128 bytes 3538944} for each layer with experts (bytes: of one
 * expert), then for each layer of each step a line {@code LAYER ROWS ID ID ...}, the ids of a row
 * side by side; layers of a step come in rising order. Lines that begin with # are for people.
 */
public final class RoutingTrace {
    private static final Pattern SPACE = Pattern.compile("\\s+");
    private static final int MOST_EXPERTS = 1 << 16;
    private static final int SHAPE_WORDS = 6;

    private final Path file;
    private final Map<Integer, LayerShape> layers = new TreeMap<>();

    /**
     * The experts of one layer.
     *
     * @param expertBytes size of one expert
     */
    public record LayerShape(int layer, int experts, long expertBytes) {}

    /** Hears of the steps. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Rows were sent to experts.
         *
         * @param ids row after row
         */
        void chosen(int layer, int rows, int[] ids);
    }

    private RoutingTrace(Path file) {
        this.file = file;
    }

    /** Writes a trace. Closing it ends the file. */
    public static final class Recording implements AutoCloseable {
        private final Writer writer;

        /**
         * @param model what the file says it is of
         */
        public Recording(Path file, String model, List<LayerShape> layers) throws IOException {
            writer = Files.newBufferedWriter(file);
            writer.write("# routing trace of " + model + "\n");
            for (LayerShape shape : layers) {
                writer.write(
                        "layer %d experts %d bytes %d%n"
                                .formatted(shape.layer, shape.experts, shape.expertBytes));
            }
        }

        /** Notes the choices of a layer in a step. */
        public void chosen(int layer, int rows, int[] ids) {
            StringBuilder line = new StringBuilder();
            line.append(layer).append(' ').append(rows);
            for (int id : ids) {
                line.append(' ').append(id);
            }
            try {
                writer.write(line.append('\n').toString());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() throws IOException {
            writer.close();
        }
    }

    /**
     * Reads a trace's layers.
     *
     * @throws IOException if the file cannot be read, or naming the line that is none of a trace
     */
    public static RoutingTrace open(Path file) throws IOException {
        RoutingTrace trace = new RoutingTrace(file);
        trace.read((layer, rows, ids) -> {});
        if (trace.layers.isEmpty()) {
            throw new IOException(
                    "%s names no layer; record a trace with juggler profile --trace"
                            .formatted(file));
        }
        return trace;
    }

    /** The layers with experts, by number. */
    public Map<Integer, LayerShape> layers() {
        return layers;
    }

    /**
     * Tells all steps in order.
     *
     * @throws IOException likewise
     */
    public void read(Listener listener) throws IOException {
        try (BufferedReader reader = Files.newBufferedReader(file)) {
            int number = 0;
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                number++;
                if (!line.isBlank() && !line.startsWith("#") && !take(line.strip(), listener)) {
                    throw new IOException(
                            "%s, line %d: \"%s\" is no line of a routing trace; record one with juggler profile --trace"
                                    .formatted(
                                            file,
                                            number,
                                            line.substring(0, Math.min(40, line.length()))));
                }
            }
        }
    }

    private boolean take(String line, Listener listener) {
        List<String> words = SPACE.splitAsStream(line).toList();
        try {
            return words.getFirst().equals("layer") ? takeShape(words) : takeStep(words, listener);
        } catch (NumberFormatException e) {
            return false;
        }
    }

    private boolean takeShape(List<String> words) {
        if (words.size() != SHAPE_WORDS
                || !words.get(2).equals("experts")
                || !words.get(4).equals("bytes")) {
            return false;
        }
        int layer = Integer.parseInt(words.get(1));
        int experts = Integer.parseInt(words.get(3));
        long bytes = Long.parseLong(words.get(5));
        layers.put(layer, new LayerShape(layer, experts, bytes));
        return layer >= 0 && experts > 0 && experts <= MOST_EXPERTS && bytes > 0;
    }

    private boolean takeStep(List<String> words, Listener listener) {
        LayerShape shape = layers.get(Integer.parseInt(words.getFirst()));
        int rows = words.size() < 2 ? 0 : Integer.parseInt(words.get(1));
        int choices = words.size() - 2;
        if (shape == null || rows < 1 || choices < rows || choices % rows != 0) {
            return false;
        }
        List<Integer> ids = new ArrayList<>(choices);
        for (String word : words.subList(2, words.size())) {
            int id = Integer.parseInt(word);
            if (id >= shape.experts) {
                return false;
            }
            ids.add(id);
        }
        listener.chosen(shape.layer, rows, ids.stream().mapToInt(Integer::intValue).toArray());
        return true;
    }
}
