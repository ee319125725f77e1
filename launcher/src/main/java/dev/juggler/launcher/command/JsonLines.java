package dev.juggler.launcher.command;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** A file with a JSON object on each line, answered line by line. */
final class JsonLines {
    private static final ObjectMapper JSON = new ObjectMapper();

    private JsonLines() {}

    /**
     * Prints the answer to each line that is not blank.
     *
     * @param file the file; {@code -} is standard input
     * @param answer one line for one line; a UserException in it gets the line's number
     */
    static void answer(Path file, PrintWriter out, UnaryOperator<String> answer)
            throws IOException {
        try (BufferedReader lines = open(file)) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                if (!line.isBlank()) {
                    out.println(answer(file, number, line, answer));
                }
            }
        }
        out.flush();
    }

    /**
     * A line as an object.
     *
     * @throws UserException if it is none
     */
    static JsonNode parse(String line) {
        try {
            JsonNode node = JSON.readTree(line);
            if (node.isObject()) {
                return node;
            }
        } catch (JacksonException e) {
            throw new UserException(e.getOriginalMessage(), 2);
        }
        throw new UserException("this is no JSON object", 2);
    }

    /** An answer as a line. */
    static String write(Object value) {
        return JSON.writeValueAsString(value);
    }

    private static String answer(Path file, int number, String line, UnaryOperator<String> answer) {
        try {
            return answer.apply(line);
        } catch (UserException e) {
            throw new UserException("%s, line %d: %s".formatted(file, number, e.getMessage()), 2);
        }
    }

    private static BufferedReader open(Path file) throws IOException {
        if (file.toString().equals("-")) {
            return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        }
        if (!Files.isReadable(file)) {
            throw new UserException("--jsonl %s: no such file can be read".formatted(file), 2);
        }
        return Files.newBufferedReader(file);
    }
}
