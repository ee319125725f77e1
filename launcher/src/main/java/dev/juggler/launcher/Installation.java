package dev.juggler.launcher;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where Juggler is installed, and the models that come with it. */
public final class Installation {
    private static final String HOME = "dev.juggler.home";

    private Installation() {}

    /** The folder that holds plugins/: as the launcher script says, else the working directory. */
    public static Path home() {
        return Path.of(System.getProperty(HOME, "")).toAbsolutePath();
    }

    /**
     * The file of a built-in model: beside the jar in a distribution, a class path folder in a
     * build.
     *
     * @throws IllegalStateException if the installation is not whole
     */
    public static Path builtInModel(String fileName) {
        try {
            URL resource = Installation.class.getResource("/models/" + fileName);
            if (resource != null && resource.getProtocol().equals("file")) {
                return Path.of(resource.toURI());
            }
            Path code =
                    Path.of(
                            Installation.class
                                    .getProtectionDomain()
                                    .getCodeSource()
                                    .getLocation()
                                    .toURI());
            Path file = code.resolveSibling("models").resolve(fileName);
            if (Files.isReadable(file)) {
                return file;
            }
            throw new IllegalStateException(
                    "the built-in model %s is not there; build again".formatted(file));
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
