package dev.juggler.engine.golden;

import dev.juggler.tck.GoldenData;
import dev.juggler.tck.GoldenLogits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.opentest4j.TestAbortedException;

/** Makes models that are too large to be stored, with the golden data's own generator. */
public final class SynthesizedModel {
    private static final String SHA_256 =
            "e10158a3b3f2a65e6f4c6a50c8c1cb8274ab7e42f09ddbdf0044f6345f2ea96f";

    private SynthesizedModel() {}

    /**
     * The file {@code qwen3moe-k.F32.gguf}, made once for each build.
     *
     * @throws TestAbortedException if there is no python3 with numpy; the reason is printed
     */
    static Path qwen3MoeK() {
        Path golden = GoldenData.folder().orElseThrow();
        Path file = Path.of("target", "golden", "qwen3moe-k.F32.gguf").toAbsolutePath();
        try {
            if (Files.exists(file) && sha256(file).equals(SHA_256)) {
                return file;
            }
            Files.createDirectories(file.getParent());
            make(golden, file);
            if (!sha256(file).equals(SHA_256)) {
                throw new TestAbortedException(
                        skipped("the generator made another file; it needs numpy 2"));
            }
            return file;
        } catch (IOException e) {
            throw new TestAbortedException(skipped("python3 cannot be started: " + e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /**
     * A file of the generator.
     *
     * @param arguments all but the file's name
     * @throws TestAbortedException if there is no golden data, or no python3 with numpy; the reason
     *     is printed
     */
    public static Path make(String arguments, Path file) {
        Path golden =
                GoldenData.folder()
                        .orElseThrow(() -> new TestAbortedException(skipped("no golden data")));
        try {
            run(golden, List.of(arguments.split(" ")), file);
            return file;
        } catch (IOException e) {
            throw new TestAbortedException(skipped("python3 cannot be started: " + e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static void make(Path golden, Path file) throws IOException, InterruptedException {
        String recipe = GoldenLogits.json("models/recipes.json").get("qwen3moe-k").asString();
        List<String> arguments = new ArrayList<>(List.of(recipe.split(" ")));
        arguments.addAll(List.of("--name", "tiny-qwen3moe-k"));
        run(golden, arguments, file);
    }

    private static void run(Path golden, List<String> arguments, Path file)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("python3", "tools/synth_gguf.py"));
        command.addAll(arguments);
        command.addAll(List.of("--out", file.toString()));
        Process process =
                new ProcessBuilder(command)
                        .directory(golden.toFile())
                        .redirectErrorStream(true)
                        .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new TestAbortedException(skipped("python3 with numpy is needed: " + output));
        }
    }

    private static String skipped(String reason) {
        String message = "SKIPPED: a model could not be made: " + reason;
        System.out.println(message);
        return message;
    }

    private static String sha256(Path file) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
            return HexFormat.of().formatHex(digest);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
