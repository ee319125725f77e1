package dev.juggler.launcher.plugin;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** Compiles a plugin from source as a third party would, against kernel-api alone, and zips it. */
public final class ForeignPlugin {
    private final String id;
    private final Map<String, String> sources = new TreeMap<>();
    private final Map<String, byte[]> extraClasses = new TreeMap<>();
    private final List<String> extensions = new ArrayList<>();
    private String requires = "*";

    public ForeignPlugin(String id) {
        this.id = id;
    }

    public ForeignPlugin source(String className, String text) {
        sources.put(className, text);
        return this;
    }

    public ForeignPlugin extension(String className) {
        extensions.add(className);
        return this;
    }

    public ForeignPlugin requires(String versions) {
        requires = versions;
        return this;
    }

    /** Bundles a class of the running application. */
    public ForeignPlugin bundle(Class<?> type) throws IOException {
        String path = type.getName().replace('.', '/') + ".class";
        try (var in = type.getClassLoader().getResourceAsStream(path)) {
            extraClasses.put(path, java.util.Objects.requireNonNull(in).readAllBytes());
        }
        return this;
    }

    public Path zipInto(Path folder) throws IOException {
        Path work = Files.createTempDirectory("foreign-plugin");
        compile(work);
        Path zip = folder.resolve(id + "-1.0.0.zip");
        try (OutputStream out = Files.newOutputStream(zip);
                ZipOutputStream archive = new ZipOutputStream(out)) {
            put(
                    archive,
                    "plugin.properties",
                    """
                    plugin.id=%s
                    plugin.version=1.0.0
                    plugin.provider=Acme
                    plugin.requires=%s
                    """
                            .formatted(id, requires)
                            .getBytes(StandardCharsets.UTF_8));
            put(
                    archive,
                    "classes/META-INF/extensions.idx",
                    String.join("\n", extensions).getBytes(StandardCharsets.UTF_8));
            for (Map.Entry<String, byte[]> extra : extraClasses.entrySet()) {
                put(archive, "classes/" + extra.getKey(), extra.getValue());
            }
            try (Stream<Path> files = Files.walk(work)) {
                for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
                    put(archive, "classes/" + work.relativize(file), Files.readAllBytes(file));
                }
            }
        }
        return zip;
    }

    private void compile(Path work) throws IOException {
        List<String> arguments =
                new ArrayList<>(List.of("-proc:none", "-cp", kernelApi(), "-d", work.toString()));
        for (Map.Entry<String, String> source : sources.entrySet()) {
            Path file = work.resolve(source.getKey().replace('.', '/') + ".java");
            Files.createDirectories(file.getParent());
            Files.writeString(file, source.getValue());
            arguments.add(file.toString());
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        if (!sources.isEmpty()
                && compiler.run(null, null, null, arguments.toArray(String[]::new)) != 0) {
            throw new IllegalStateException("the plugin " + id + " does not compile");
        }
    }

    /** What a third party has on its class path: kernel-api and PF4J. */
    private static String kernelApi() {
        return Stream.of(
                        dev.juggler.kernel.Backend.class,
                        org.pf4j.ExtensionPoint.class,
                        org.slf4j.Logger.class,
                        org.jspecify.annotations.Nullable.class)
                .map(type -> type.getProtectionDomain().getCodeSource().getLocation().getPath())
                .reduce((a, b) -> a + java.io.File.pathSeparator + b)
                .orElseThrow();
    }

    private static void put(ZipOutputStream archive, String name, byte[] content)
            throws IOException {
        archive.putNextEntry(new ZipEntry(name));
        archive.write(content);
        archive.closeEntry();
    }
}
