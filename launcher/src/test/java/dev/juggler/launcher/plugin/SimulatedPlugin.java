package dev.juggler.launcher.plugin;

import dev.juggler.tck.simulated.SimulatedBackendProvider;
import dev.juggler.tck.simulated.SimulatedClock;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.io.IOException;
import java.nio.file.Path;

/** The simulated devices sim:0 and sim:1 as a third party's plugin. */
final class SimulatedPlugin {
    private SimulatedPlugin() {}

    static void zipInto(Path folder) throws IOException, ClassNotFoundException {
        ForeignPlugin plugin =
                new ForeignPlugin("sim")
                        .extension(SimulatedBackendProvider.class.getName())
                        .bundle(SimulatedBackendProvider.class)
                        .bundle(SimulatedClock.class)
                        .bundle(SimulatedDevice.class)
                        .bundle(Class.forName("dev.juggler.tck.simulated.SimulatedKernels"));
        for (Class<?> inner : SimulatedDevice.class.getDeclaredClasses()) {
            plugin.bundle(inner);
        }
        plugin.zipInto(folder);
    }
}
