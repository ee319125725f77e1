package dev.juggler.launcher.endtoend;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A real server process, started through the launcher script on a free port of the loopback. */
final class ServerProcess implements AutoCloseable {
    private static final Pattern URL = Pattern.compile("http://127\\.0\\.0\\.1:\\d+");
    private static final Duration START = Duration.ofSeconds(60);

    private final Process process;
    private final Path out;
    private final Path err;
    private final String url;
    private final HttpClient client = HttpClient.newHttpClient();

    ServerProcess(Path folder, String... arguments) throws IOException, InterruptedException {
        out = Files.createTempFile(folder, "server-out", ".txt");
        err = Files.createTempFile(folder, "server-err", ".txt");
        List<String> all = new ArrayList<>(List.of("serve", "--port", "0"));
        all.addAll(List.of(arguments));
        process = Launcher.start(folder, out.toFile(), err.toFile(), all.toArray(String[]::new));
        url = waitForUrl();
    }

    private String waitForUrl() throws IOException, InterruptedException {
        long end = System.nanoTime() + START.toNanos();
        while (System.nanoTime() < end) {
            Matcher matcher = URL.matcher(Files.readString(out));
            if (matcher.find()) {
                return matcher.group();
            }
            if (!process.isAlive()) {
                break;
            }
            Thread.sleep(50);
        }
        close();
        throw new IllegalStateException(
                "the server does not start:\n" + Files.readString(out) + Files.readString(err));
    }

    String url() {
        return url;
    }

    /** What it printed at the start. */
    String banner() throws IOException {
        return Files.readString(out);
    }

    String log() throws IOException {
        return Files.readString(err);
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(URI.create(url + path))
                        .header("Content-Type", "application/json")
                        .timeout(Duration.ofMinutes(2))
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(URI.create(url + path)).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    /** Asks it to stop, as Ctrl-C does, and gives its exit code. */
    int stop() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IllegalStateException("the server does not stop");
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        client.close();
        process.destroy();
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
