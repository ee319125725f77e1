package dev.juggler.launcher.plugin;

import java.nio.file.Path;
import org.pf4j.ClassLoadingStrategy;
import org.pf4j.DefaultPluginLoader;
import org.pf4j.DefaultPluginManager;
import org.pf4j.PluginClassLoader;
import org.pf4j.PluginDescriptor;
import org.pf4j.PluginLoader;
import org.pf4j.PluginRuntimeException;
import org.pf4j.PluginWrapper;

/** PF4J with every plugin behind the {@link PluginWall}. */
final class WalledPluginManager extends DefaultPluginManager {
    WalledPluginManager(Path folder, String version) {
        super(folder);
        setSystemVersion(version);
    }

    /** Loads one unpacked plugin. */
    PluginWrapper load(Path path) {
        String id = loadPlugin(path);
        PluginWrapper wrapper = getPlugin(id);
        if (unresolvedPlugins.contains(wrapper)) {
            unloadPlugin(id);
            throw new PluginRuntimeException("a plugin that {} depends on is not there", id);
        }
        if (!isPluginValid(wrapper)) {
            String requires = wrapper.getDescriptor().getRequires();
            unloadPlugin(id);
            throw new PluginRuntimeException(
                    "it requires Juggler {}, this is {}", requires, getSystemVersion());
        }
        return wrapper;
    }

    @Override
    protected PluginLoader createPluginLoader() {
        return new DefaultPluginLoader(this) {
            @Override
            protected PluginClassLoader createPluginClassLoader(
                    Path pluginPath, PluginDescriptor descriptor) {
                return new PluginClassLoader(
                        pluginManager,
                        descriptor,
                        new PluginWall(WalledPluginManager.class.getClassLoader()),
                        ClassLoadingStrategy.ADP);
            }
        };
    }
}
