package dev.juggler.launcher.plugin;

import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.ExpertCachePolicyProvider;
import dev.juggler.kernel.KernelApi;
import dev.juggler.protocol.ProtocolProvider;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pf4j.PluginRuntimeException;
import org.pf4j.PluginState;
import org.pf4j.PluginWrapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The plugins of one drop-in folder: found, walled in, checked and started. A plugin that is not
 * sound is refused by name with the reason, and the others run.
 */
public final class PluginHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PluginHost.class);

    private static final Pattern CHOOSABLE = Pattern.compile("[a-z][a-z0-9-]*");

    private final WalledPluginManager plugins;
    private final List<FoundPlugin> found = new ArrayList<>();
    private final Map<String, BackendProvider> backends = new LinkedHashMap<>();
    private final Map<String, ProtocolProvider> protocols = new LinkedHashMap<>();
    private final Map<String, ExpertCachePolicyProvider> policies = new LinkedHashMap<>();

    private PluginHost(Path folder, String version) {
        plugins = new WalledPluginManager(folder, version);
    }

    /**
     * Loads and starts all plugins of {@code folder}: zips, and folders as zips unpack to. A folder
     * that does not exist holds none.
     *
     * @param version the core's version, against which a plugin's {@code plugin.requires} is held
     */
    public static PluginHost open(Path folder, String version) {
        PluginHost host = new PluginHost(folder, version);
        for (Path path : host.candidates(folder)) {
            host.take(path);
        }
        return host;
    }

    /** Every plugin of the folder, used or refused. */
    public List<FoundPlugin> found() {
        return List.copyOf(found);
    }

    /** Backend providers in use, by name. */
    public Map<String, BackendProvider> backends() {
        return backends;
    }

    /** Protocol providers in use, by name. */
    public Map<String, ProtocolProvider> protocols() {
        return protocols;
    }

    /** Providers of expert cache policies in use, by name. */
    public Map<String, ExpertCachePolicyProvider> policies() {
        return policies;
    }

    /** The configuration defaults that a provider's plugin brings, or null. */
    public static @Nullable URL referenceConfiguration(Object provider) {
        return provider.getClass().getClassLoader().getResource("reference.conf");
    }

    /** Stops all plugins and closes their class loaders. */
    @Override
    public void close() {
        backends.clear();
        protocols.clear();
        policies.clear();
        // PF4J's own unloadPlugins() changes the list that it walks.
        for (PluginWrapper plugin : List.copyOf(plugins.getPlugins())) {
            plugins.unloadPlugin(plugin.getPluginId());
        }
    }

    private List<Path> candidates(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        List<Path> paths = new ArrayList<>(unpackZips(folder));
        try (Stream<Path> entries = Files.list(folder)) {
            entries.filter(Files::isDirectory)
                    .filter(entry -> Files.isRegularFile(entry.resolve("plugin.properties")))
                    .forEach(paths::add);
        } catch (IOException e) {
            throw new PluginRuntimeException(e, "the plugin folder {} cannot be read", folder);
        }
        return paths.stream().distinct().sorted().toList();
    }

    private List<Path> unpackZips(Path folder) {
        List<Path> unpacked = new ArrayList<>();
        try (Stream<Path> entries = Files.list(folder)) {
            for (Path zip :
                    entries.filter(path -> path.toString().endsWith(".zip")).sorted().toList()) {
                try {
                    unpacked.add(PluginArchive.unpack(zip));
                } catch (IOException e) {
                    refuse(zip, "the archive cannot be unpacked: " + e.getMessage());
                }
            }
        } catch (IOException e) {
            throw new PluginRuntimeException(e, "the plugin folder {} cannot be read", folder);
        }
        return unpacked;
    }

    private void take(Path path) {
        @Nullable PluginWrapper wrapper = null;
        try {
            String bundled = PluginArchive.findBundledContract(path);
            if (bundled != null) {
                refuse(
                        path,
                        "it bundles "
                                + bundled
                                + ", which the core publishes; give kernel-api the scope provided");
                return;
            }
            wrapper = plugins.load(path);
            start(wrapper);
        } catch (Exception | LinkageError e) {
            LOG.debug("plugin {} is refused", path, e);
            refuse(path, wrapper, describe(e));
        }
    }

    private void start(PluginWrapper wrapper) throws PluginRefusedException {
        String id = wrapper.getPluginId();
        if (plugins.startPlugin(id) != PluginState.STARTED) {
            Throwable failure = wrapper.getFailedException();
            throw new PluginRefusedException(
                    failure == null
                            ? "it did not start (state %s)".formatted(wrapper.getPluginState())
                            : "it failed at start: " + describe(failure));
        }
        List<BackendProvider> newBackends = plugins.getExtensions(BackendProvider.class, id);
        List<ProtocolProvider> newProtocols = plugins.getExtensions(ProtocolProvider.class, id);
        List<ExpertCachePolicyProvider> newPolicies =
                plugins.getExtensions(ExpertCachePolicyProvider.class, id);
        if (newBackends.isEmpty() && newProtocols.isEmpty() && newPolicies.isEmpty()) {
            throw new PluginRefusedException(
                    "META-INF/extensions.idx lists no BackendProvider, ProtocolProvider or"
                            + " ExpertCachePolicyProvider that could be created");
        }
        List<String> provides = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (BackendProvider backend : newBackends) {
            check(
                    backend.apiVersion(),
                    names.add(backend.name()),
                    backend.name(),
                    backends.keySet());
            provides.add("backend " + backend.name());
        }
        names.clear();
        for (ProtocolProvider protocol : newProtocols) {
            check(
                    protocol.apiVersion(),
                    names.add(protocol.name()),
                    protocol.name(),
                    protocols.keySet());
            provides.add("protocol " + protocol.name());
        }
        names.clear();
        Set<String> taken = new HashSet<>(PlacementRules.choices());
        taken.addAll(policies.keySet());
        for (ExpertCachePolicyProvider policy : newPolicies) {
            requireChoosable(policy.name());
            check(policy.apiVersion(), names.add(policy.name()), policy.name(), taken);
            provides.add("expert cache policy " + policy.name());
        }
        newPolicies.forEach(policy -> policies.put(policy.name(), policy));
        newBackends.forEach(backend -> backends.put(backend.name(), backend));
        newProtocols.forEach(protocol -> protocols.put(protocol.name(), protocol));
        found.add(
                new FoundPlugin(
                        id,
                        wrapper.getDescriptor().getVersion(),
                        wrapper.getPluginPath(),
                        provides,
                        null));
    }

    private static void check(int apiVersion, boolean once, String name, Set<String> taken)
            throws PluginRefusedException {
        if (apiVersion != KernelApi.VERSION) {
            throw new PluginRefusedException(
                    "%s was made for API version %d, this is version %d; get a build for it"
                            .formatted(name, apiVersion, KernelApi.VERSION));
        }
        if (!once || taken.contains(name)) {
            throw new PluginRefusedException(
                    "a provider named %s is there already; remove one of the two plugins"
                            .formatted(name));
        }
    }

    private static void requireChoosable(String policy) throws PluginRefusedException {
        if (!CHOOSABLE.matcher(policy).matches()) {
            throw new PluginRefusedException(
                    "its expert cache policy is called \"%s\"; a name has small letters, digits and dashes"
                            .formatted(policy));
        }
    }

    private void refuse(Path path, String reason) {
        refuse(path, null, reason);
    }

    private void refuse(Path path, @Nullable PluginWrapper wrapper, String reason) {
        String id = wrapper == null ? String.valueOf(path.getFileName()) : wrapper.getPluginId();
        String version = wrapper == null ? "" : wrapper.getDescriptor().getVersion();
        found.add(new FoundPlugin(id, version, path, List.of(), reason));
        if (wrapper != null) {
            try {
                plugins.unloadPlugin(id);
            } catch (RuntimeException | LinkageError e) {
                LOG.debug("refused plugin {} does not unload", id, e);
            }
        }
    }

    private static String describe(Throwable failure) {
        if (failure instanceof PluginRefusedException) {
            return String.valueOf(failure.getMessage());
        }
        if (failure instanceof PluginRuntimeException && failure.getMessage() != null) {
            return failure.getMessage();
        }
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.getMessage() == null
                ? root.getClass().getName()
                : root.getClass().getSimpleName() + ": " + root.getMessage();
    }

    /** A plugin is not used; the message says why. */
    private static final class PluginRefusedException extends Exception {
        private static final long serialVersionUID = 1L;

        PluginRefusedException(String message) {
            super(message);
        }
    }
}
