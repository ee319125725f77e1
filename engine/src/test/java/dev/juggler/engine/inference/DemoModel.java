package dev.juggler.engine.inference;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.Devices;
import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.Finished;
import dev.juggler.inference.GenerationEvent.Started;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.ReferenceBackend;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The demo model of the repository on the reference backend, and how to talk to it. */
final class DemoModel {
    static final String NAME = "demo";

    private DemoModel() {}

    static Path file() {
        Path here = Path.of("").toAbsolutePath();
        while (here != null) {
            Path file =
                    here.resolve("launcher/src/main/resources/models/juggler-demo-moe-q8_0.gguf");
            if (Files.exists(file)) {
                return file;
            }
            here = here.getParent();
        }
        throw new AssertionError("the demo model is not in the repository");
    }

    static Devices devices() {
        return new Devices(List.of(new ReferenceBackend()));
    }

    /** A configuration with the demo model; {@code more} adds keys to its block. */
    static Config config(String more) {
        return ConfigFactory.parseString(
                "juggler.models.%s { path = \"%s\", context = 512, parallel = 8, %s }"
                        .formatted(NAME, file(), more));
    }

    static GenerationRequest chat(String text, Sampling sampling, @Nullable Integer maxTokens) {
        return request(
                new Prompt.Chat(List.of(Message.of("user", text)), List.of(), Map.of()),
                sampling,
                maxTokens,
                List.of());
    }

    static GenerationRequest request(
            Prompt prompt, Sampling sampling, @Nullable Integer maxTokens, List<String> stop) {
        return new GenerationRequest(NAME, prompt, sampling, maxTokens, stop, false, null, null);
    }

    /** All that a generation told. */
    record Told(List<Integer> promptIds, List<GenerationEvent> events, Finished end) {
        String text() {
            StringBuilder text = new StringBuilder();
            for (GenerationEvent event : events) {
                if (event instanceof GenerationEvent.Text more) {
                    text.append(more.text());
                }
            }
            return text.toString();
        }
    }

    static Told read(Generation generation) throws InterruptedException {
        try (generation) {
            if (!(generation.next() instanceof Started started)) {
                throw new AssertionError("the first event is not Started");
            }
            List<GenerationEvent> events = new ArrayList<>();
            while (true) {
                GenerationEvent event = generation.next();
                if (event instanceof Finished finished) {
                    return new Told(started.promptIds(), List.copyOf(events), finished);
                }
                events.add(event);
            }
        }
    }
}
