package dev.juggler.launcher;

import com.typesafe.config.Config;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.inference.LoadProgress;
import dev.juggler.engine.inference.LocalInference;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.LoadedModel;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.ReferenceBackendProvider;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.config.ConfigurationException;
import dev.juggler.launcher.http.HttpServer;
import dev.juggler.launcher.http.HttpSettings;
import dev.juggler.launcher.plugin.FoundPlugin;
import dev.juggler.launcher.plugin.PluginHost;
import dev.juggler.launcher.terminal.LoadingBar;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.ProtocolContext;
import dev.juggler.protocol.ProtocolProvider;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the parts together, in this order: plugins, complete configuration, backends, devices,
 * engine, protocols, server. Each command asks for as much of it as it needs.
 */
public final class Wiring implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Wiring.class);

    private final Configuration configuration;
    private final PluginHost plugins;
    private final BackendTable backends;
    private final Map<String, Protocol> protocols = new LinkedHashMap<>();
    private @Nullable Devices devices;
    private @Nullable LocalInference inference;
    private @Nullable HttpServer server;

    private Wiring(Configuration early) {
        plugins = PluginHost.open(folder(early), Version.text());
        try {
            configuration = early.withPlugins(references(), refusedNames());
            Restart.withModules(BackendTable.modules(providers(), configuration));
            String forced = config().getString("default-backend");
            backends = BackendTable.probe(providers(), forced);
            warnOfSlowness(forced);
        } catch (RuntimeException e) {
            plugins.close();
            throw e;
        }
    }

    /** Plugins and probed backends; no device is opened. */
    public static Wiring plugins(Configuration configuration) {
        return new Wiring(configuration);
    }

    /** Open devices, without the engine that serves requests. */
    public static Wiring devices(Configuration configuration) {
        Wiring wiring = new Wiring(configuration);
        try {
            wiring.devices = wiring.backends.open(wiring.configuration);
            return wiring;
        } catch (RuntimeException | LinkageError e) {
            wiring.close();
            throw e;
        }
    }

    /** All that is needed to run models in this process. */
    public static Wiring engine(Configuration configuration) {
        return engine(configuration, new LoadingBar());
    }

    private static Wiring engine(Configuration configuration, LoadProgress progress) {
        Wiring wiring = devices(configuration);
        try {
            wiring.inference =
                    new LocalInference(
                            wiring.configuration.config(),
                            wiring.devices(),
                            progress,
                            wiring.loader());
            return wiring;
        } catch (RuntimeException | LinkageError e) {
            wiring.close();
            throw e;
        }
    }

    /**
     * Everything; the server does not listen before {@link #start}. Meanwhile the model that is
     * most likely asked first is loaded, so that the first answer need not wait.
     */
    public static Wiring server(Configuration configuration) {
        Wiring wiring = engine(configuration, new LoadingLog());
        try {
            wiring.loadAhead();
            wiring.openServer();
            return wiring;
        } catch (RuntimeException | LinkageError e) {
            wiring.close();
            throw e;
        }
    }

    /** The complete configuration. */
    public Configuration configuration() {
        return configuration;
    }

    /** The plugins found. */
    public PluginHost plugins() {
        return plugins;
    }

    /** The drop-in folder. */
    public Path pluginFolder() {
        return folder(configuration);
    }

    /** The probed backends. */
    public BackendTable backends() {
        return backends;
    }

    /** What loads models: with the policies of the engine and of plugins. */
    public ModelLoader loader() {
        return ModelLoader.with(plugins.policies().values());
    }

    /** The open devices. */
    public Devices devices() {
        return Objects.requireNonNull(devices, "the engine is not wired");
    }

    /** The engine. */
    public Inference inference() {
        return Objects.requireNonNull(inference, "the engine is not wired");
    }

    /** The server. */
    public HttpServer server() {
        return Objects.requireNonNull(server, "the server is not wired");
    }

    /**
     * Listens.
     *
     * @param model a model to load before, or null
     * @throws ConfigurationException if the address cannot be used
     */
    public void start(@Nullable String model) {
        if (model != null) {
            inference().load(model, null);
        }
        try {
            server().start();
        } catch (IOException e) {
            throw new ConfigurationException(String.valueOf(e.getMessage()), e);
        }
    }

    /** Says what was chosen. */
    public void describe(PrintWriter out) {
        new Banner(this).print(out);
    }

    private void loadAhead() {
        List<ModelSettings> models = modelSettings();
        String fallback = config().getString("server.fallback-model");
        String name = models.size() == 1 ? models.getFirst().name() : fallback;
        if (name.isEmpty()) {
            return;
        }
        Thread.ofVirtual()
                .name("load-ahead")
                .start(() -> {
                    try {
                        inference().load(name, null);
                    } catch (InferenceException e) {
                        LOG.warn("{}", e.getMessage());
                    }
                });
    }

    /** Lets running answers finish, then takes everything down, the last part first. */
    @Override
    public void close() {
        if (server != null) {
            server.stop(config().getDuration("server.shutdown-grace"));
        }
        protocols.values().forEach(Protocol::close);
        if (inference != null) {
            inference.close();
        }
        if (devices != null) {
            devices.close();
        }
        plugins.close();
    }

    private Config config() {
        return configuration.config().getConfig("juggler");
    }

    private static Path folder(Configuration configuration) {
        Path folder = Path.of(configuration.config().getString("juggler.plugins.folder"));
        return Installation.home().resolve(folder).normalize();
    }

    private List<URL> references() {
        return Stream.concat(
                        plugins.backends().values().stream(), plugins.protocols().values().stream())
                .map(PluginHost::referenceConfiguration)
                .filter(Objects::nonNull)
                .toList();
    }

    private Set<String> refusedNames() {
        return plugins.found().stream()
                .filter(plugin -> !plugin.isUsed())
                .map(FoundPlugin::id)
                .collect(Collectors.toSet());
    }

    private List<BackendProvider> providers() {
        List<BackendProvider> providers = new ArrayList<>(plugins.backends().values());
        providers.add(new ReferenceBackendProvider());
        return providers;
    }

    private void openServer() {
        for (ProtocolProvider provider : plugins.protocols().values()) {
            protocols.put(
                    provider.name(),
                    provider.open(
                            new ProtocolContext(
                                    inference(),
                                    Version.text(),
                                    configuration.flattened("protocol", provider.name()))));
        }
        if (protocols.isEmpty()) {
            throw new ConfigurationException(
                    "no protocol plugin is in use, so there is nothing to serve; see ./juggler"
                            + " plugins (folder %s)".formatted(pluginFolder()));
        }
        Config server = config().getConfig("server");
        this.server =
                new HttpServer(
                        new HttpSettings(
                                server.getString("host"),
                                server.getInt("port"),
                                server.getBytes("max-request-size"),
                                server.getStringList("cors.allowed-origins"),
                                server.getDuration("read-timeout"),
                                server.getDuration("write-timeout")),
                        protocols,
                        this::health);
    }

    private Map<String, Object> health() {
        Map<String, Object> models = new LinkedHashMap<>();
        Map<String, CacheCounts.Counted> caches =
                inference == null ? Map.of() : inference.expertCaches();
        for (LoadedModel model : inference().loaded()) {
            Map<String, Object> state = new LinkedHashMap<>();
            state.put("running", model.running());
            state.put("queued", model.queued());
            CacheCounts.Counted cache = caches.get(model.card().name());
            if (cache != null) {
                state.put("expert_cache", describe(cache));
            }
            models.put(model.card().name(), state);
        }
        Map<String, Object> health = new LinkedHashMap<>();
        health.put("version", Version.text());
        health.put("models", models);
        if (!devices().quarantined().isEmpty()) {
            health.put("failed_devices", devices().quarantined());
        }
        return health;
    }

    private static Map<String, Object> describe(CacheCounts.Counted cache) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("hits", cache.hits());
        described.put("misses", cache.misses());
        described.put("hit_rate", cache.hitRate());
        described.put("moves", cache.moves());
        described.put("moved_bytes", cache.bytes());
        return described;
    }

    /** Never a silent fallback to something slow. */
    private void warnOfSlowness(String forced) {
        String chosen = backends.rows().getFirst().provider().name();
        if (chosen.equals(ReferenceBackend.DEVICE) && !forced.equals(chosen)) {
            LOG.warn(
                    "no backend plugin is usable, so the reference computes, which is very slow; see"
                            + " ./juggler plugins (folder {})",
                    pluginFolder());
        }
    }

    /** Where the server listens. */
    String url() {
        InetSocketAddress address = server().address();
        return "http://%s:%d".formatted(address.getHostString(), address.getPort());
    }

    /** What the configuration says of each model. */
    public List<ModelSettings> modelSettings() {
        return ModelSettings.all(configuration.config(), loader().policies());
    }

    /** Descriptions of the open devices, by name. */
    public Map<String, String> deviceDescriptions() {
        Map<String, String> descriptions = new LinkedHashMap<>();
        for (Backend backend : devices().all()) {
            descriptions.put(backend.device(), backend.description());
        }
        return descriptions;
    }
}
