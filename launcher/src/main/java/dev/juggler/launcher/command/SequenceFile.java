package dev.juggler.launcher.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Token ids in a JSON file: a list, or an object of named lists. */
final class SequenceFile {
    private SequenceFile() {}

    /**
     * @param name which list of an object; null if there is only one
     * @throws UserException if there is no such list, or it holds something else
     */
    static int[] read(Path file, @Nullable String name) throws IOException {
        if (!Files.isReadable(file)) {
            throw new UserException("--ids %s: no such file can be read".formatted(file), 2);
        }
        JsonNode list = list(file, parse(file), name);
        if (!list.isArray() || list.isEmpty()) {
            throw new UserException("--ids %s: this is no list of token ids".formatted(file), 2);
        }
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            if (!list.get(i).isInt()) {
                throw new UserException(
                        "--ids %s: %s at place %d is no token id".formatted(file, list.get(i), i),
                        2);
            }
            ids[i] = list.get(i).intValue();
        }
        return ids;
    }

    private static JsonNode parse(Path file) throws IOException {
        try {
            return new ObjectMapper().readTree(Files.readString(file));
        } catch (JacksonException e) {
            throw new UserException("--ids %s: %s".formatted(file, e.getOriginalMessage()), 2);
        }
    }

    private static JsonNode list(Path file, JsonNode root, @Nullable String name) {
        if (!root.isObject()) {
            return root;
        }
        String names = String.join(", ", root.propertyNames());
        if (name == null && root.size() != 1) {
            throw new UserException(
                    "--ids %s: choose one with --sequence: %s".formatted(file, names), 2);
        }
        JsonNode chosen = name == null ? root.iterator().next() : root.path(name);
        if (chosen.isMissingNode()) {
            throw new UserException("--sequence %s: %s holds %s".formatted(name, file, names), 2);
        }
        return chosen;
    }
}
