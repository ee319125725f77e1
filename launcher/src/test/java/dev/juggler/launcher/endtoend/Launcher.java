package dev.juggler.launcher.endtoend;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the launcher script of this checkout, as a user does. */
final class Launcher {
    private static final Path ROOT =
            Path.of(System.getProperty("juggler.root", "..")).toAbsolutePath().normalize();

    private Launcher() {}

    /** What a command printed and its exit code. */
    record Outcome(int code, String out, String err) {}

    /** The checkout. */
    static Path root() {
        return ROOT;
    }

    /** A started command; its working directory is {@code folder}. */
    static Process start(Path folder, File out, File err, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(ROOT.resolve("juggler").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.directory(folder.toFile());
        builder.environment().put("JUGGLER_NO_BUILD", "1");
        builder.environment().put("HOME", folder.toString());
        builder.redirectOutput(out);
        builder.redirectError(err);
        return builder.start();
    }

    /** Runs a command to its end, with nothing on standard input. */
    static Outcome run(Path folder, String... arguments) throws IOException, InterruptedException {
        Path out = Files.createTempFile(folder, "out", ".txt");
        Path err = Files.createTempFile(folder, "err", ".txt");
        Process process = start(folder, out.toFile(), err.toFile(), arguments);
        process.getOutputStream().close();
        if (!process.waitFor(120, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IllegalStateException("juggler " + List.of(arguments) + " does not end");
        }
        return new Outcome(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }
}
