package dev.juggler.launcher.command;

import dev.juggler.launcher.Wiring;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code juggler train}, hidden: what the launcher script runs once to record which classes a start
 * needs (JEP 514). It serves the demo model and asks it over both protocols, and answers as {@code
 * juggler run} does.
 */
@Command(name = "train", hidden = true, description = "Records a start for the AOT cache.")
final class TrainCommand implements Callable<Integer> {
    private static final int REPETITIONS = 3;
    private static final String PROMPT = "tell me a joke";

    @Mixin private CommonOptions common = new CommonOptions();

    @Override
    public Integer call() throws IOException, InterruptedException {
        try (Wiring wiring =
                        Wiring.server(
                                common.configuration().with(Map.of("juggler.server.port", "0")));
                HttpClient client = HttpClient.newHttpClient()) {
            wiring.start(null);
            for (int i = 0; i < REPETITIONS; i++) {
                for (boolean stream : new boolean[] {true, false}) {
                    ask(client, wiring, "/v1/chat/completions", chat(stream));
                    ask(client, wiring, "/api/generate", generate(stream));
                    ask(client, wiring, "/api/chat", chat(stream));
                }
            }
        }
        return RootCommand.commandLine("run").execute("run", "-n", "24", PROMPT);
    }

    private static String chat(boolean stream) {
        return """
        {"model": "x", "stream": %s, "temperature": 0, "max_tokens": 24,
         "messages": [{"role": "user", "content": "tell me a joke"}]}
        """
                .formatted(stream);
    }

    private static String generate(boolean stream) {
        return """
        {"model": "x", "stream": %s, "prompt": "tell me a joke",
         "options": {"num_predict": 24, "temperature": 0.8, "seed": 1}}
        """
                .formatted(stream);
    }

    private static void ask(HttpClient client, Wiring wiring, String path, String body)
            throws IOException, InterruptedException {
        InetSocketAddress address = wiring.server().address();
        HttpRequest request =
                HttpRequest.newBuilder(
                                URI.create(
                                        "http://%s:%d%s"
                                                .formatted(
                                                        address.getHostString(),
                                                        address.getPort(),
                                                        path)))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IllegalStateException(path + ": " + response.body());
        }
    }
}
