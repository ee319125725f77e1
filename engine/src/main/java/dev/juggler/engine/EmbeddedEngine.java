package dev.juggler.engine;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.inference.LocalInference;
import dev.juggler.inference.Inference;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Juggler inside of another program, without a server and without plugins: opens the devices of the
 * backends that it is given, the best first, and answers on them.
 *
 * <pre>{@code
 * Config config = ConfigFactory.parseString("juggler.models.qwen.path = /models/qwen3.gguf");
 * try (EmbeddedEngine engine = EmbeddedEngine.open(config, List.of(new CpuSimdProvider()));
 *         Generation answer = engine.inference().submit(request)) {
 *     ...
 * }
 * }</pre>
 */
public final class EmbeddedEngine implements AutoCloseable {
    private final Devices devices;
    private final LocalInference inference;

    private record Candidate(BackendProvider provider, Availability.Usable usable) {}

    private EmbeddedEngine(Devices devices, LocalInference inference) {
        this.devices = devices;
        this.inference = inference;
    }

    /**
     * Opens all devices of all usable backends. Models are loaded when they are first used.
     *
     * @param config keys begin with {@code juggler}, see the engine's reference.conf; {@code
     *     juggler.backend.NAME} is handed to the backend of that name
     * @param providers backends to try; {@link dev.juggler.kernel.ReferenceBackendProvider} among
     *     them only if it shall compute
     * @throws BackendException if none is usable, with the reason of each, or one cannot be opened
     * @throws dev.juggler.inference.InferenceException if the configuration of a model is wrong
     */
    public static EmbeddedEngine open(Config config, List<? extends BackendProvider> providers) {
        Config complete = config.withFallback(ConfigFactory.defaultReference()).resolve();
        List<Backend> opened = new ArrayList<>();
        try {
            for (Candidate candidate : usable(providers)) {
                for (String device : candidate.usable.devices()) {
                    opened.add(candidate.provider.open(options(complete, candidate, device)));
                }
            }
            Devices devices = new Devices(opened);
            return new EmbeddedEngine(devices, new LocalInference(complete, devices));
        } catch (RuntimeException | LinkageError e) {
            opened.forEach(Backend::close);
            throw e;
        }
    }

    /** The engine; valid until this is closed. */
    public Inference inference() {
        return inference;
    }

    /** Cancels what runs, unloads all models and closes the devices. */
    @Override
    public void close() {
        inference.close();
        devices.close();
    }

    private static List<Candidate> usable(List<? extends BackendProvider> providers) {
        List<Candidate> usable = new ArrayList<>();
        List<String> reasons = new ArrayList<>();
        for (BackendProvider provider : providers) {
            switch (provider.probe()) {
                case Availability.Usable yes -> usable.add(new Candidate(provider, yes));
                case Availability.Unusable no ->
                        reasons.add(
                                "%s: %s %s".formatted(provider.name(), no.reason(), no.remedy()));
            }
        }
        if (usable.isEmpty()) {
            throw new BackendException(
                    "no backend is usable here (%s)".formatted(String.join("; ", reasons)));
        }
        usable.sort(Comparator.comparingInt((Candidate c) -> c.usable.score()).reversed());
        return usable;
    }

    private static BackendOptions options(Config config, Candidate candidate, String device) {
        Map<String, String> values = new HashMap<>();
        String path = ConfigUtil.joinPath("juggler", "backend", candidate.provider.name());
        if (config.hasPath(path)) {
            for (Map.Entry<String, ConfigValue> entry : config.getConfig(path).entrySet()) {
                values.put(
                        String.join(".", ConfigUtil.splitPath(entry.getKey())),
                        String.valueOf(entry.getValue().unwrapped()));
            }
        }
        return new BackendOptions(device, config.getBoolean("juggler.exact"), values);
    }
}
