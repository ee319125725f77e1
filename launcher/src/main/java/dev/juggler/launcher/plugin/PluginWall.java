package dev.juggler.launcher.plugin;

import java.io.IOException;
import java.net.URL;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parent of every plugin's class loader: publishes the JDK and the packages that plugins share
 * with the core, and nothing else. Stock PF4J shows a plugin the whole application and lets a
 * plugin bring its own copy of the contracts, which then fails with "not a subtype".
 */
final class PluginWall extends ClassLoader {
    /** Packages of the contracts; a plugin that bundles one of them is refused. */
    static final List<String> CONTRACTS =
            List.of("dev.juggler.kernel.", "dev.juggler.inference.", "dev.juggler.protocol.");

    private static final List<String> SHARED_LIBRARIES =
            List.of(
                    "org.slf4j.",
                    "org.pf4j.",
                    "org.jspecify.annotations.",
                    "tools.jackson.",
                    "com.fasterxml.jackson.annotation.",
                    "io.undertow.",
                    "org.xnio.");

    private final ClassLoader core;

    PluginWall(ClassLoader core) {
        super("plugin-wall", ClassLoader.getPlatformClassLoader());
        this.core = core;
    }

    /** Whether a class of this name belongs to the contracts of kernel-api. */
    static boolean isContract(String className) {
        return startsWithAny(className, CONTRACTS);
    }

    private static boolean startsWithAny(String className, List<String> prefixes) {
        return prefixes.stream().anyMatch(className::startsWith);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        if (isContract(name) || startsWithAny(name, SHARED_LIBRARIES)) {
            return core.loadClass(name);
        }
        throw new ClassNotFoundException(
                name + " is not published to plugins; bundle the library that holds it");
    }

    /** Resources of the core are not shared: a plugin finds its own, e.g. reference.conf. */
    @Override
    public @Nullable URL getResource(String name) {
        return null;
    }

    @Override
    public Enumeration<URL> getResources(String name) throws IOException {
        return Collections.emptyEnumeration();
    }
}
