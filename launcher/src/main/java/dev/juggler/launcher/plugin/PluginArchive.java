package dev.juggler.launcher.plugin;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * The files of a plugin: a zip, unpacked beside itself, of plugin.properties, classes/ and lib/.
 */
final class PluginArchive {
    private PluginArchive() {}

    /**
     * Unpacks {@code plugins/x.zip} to {@code plugins/x}, unless that is there and as new. Written
     * to a folder of another name first and moved, so that two starting processes cannot see half
     * of it.
     *
     * @return the unpacked folder
     */
    static Path unpack(Path zip) throws IOException {
        String name = zip.getFileName().toString();
        Path target = zip.resolveSibling(name.substring(0, name.length() - ".zip".length()));
        if (Files.isDirectory(target)
                && Files.getLastModifiedTime(target).compareTo(Files.getLastModifiedTime(zip))
                        >= 0) {
            return target;
        }
        Path fresh = Files.createTempDirectory(zip.toAbsolutePath().getParent(), ".unpacking-");
        try {
            extract(zip, fresh);
            delete(target);
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException e) {
            // Another process was faster with the same archive.
        } finally {
            delete(fresh);
        }
        return target;
    }

    /** The first class of the contracts that a plugin brings along, or null. */
    static @Nullable String findBundledContract(Path plugin) throws IOException {
        AtomicReference<@Nullable String> found = new AtomicReference<>();
        Files.walkFileTree(
                plugin,
                new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                            throws IOException {
                        String path = plugin.relativize(file).toString().replace('\\', '/');
                        if (path.endsWith(".jar")) {
                            found.set(contractIn(file));
                        } else if (path.startsWith("classes/")
                                && isContractClass(path.substring(8))) {
                            found.set(path.substring(8));
                        }
                        return found.get() == null
                                ? FileVisitResult.CONTINUE
                                : FileVisitResult.TERMINATE;
                    }
                });
        return found.get();
    }

    private static @Nullable String contractIn(Path jar) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            return zip.stream()
                    .map(ZipEntry::getName)
                    .filter(PluginArchive::isContractClass)
                    .findFirst()
                    .orElse(null);
        }
    }

    private static boolean isContractClass(String path) {
        return path.endsWith(".class") && PluginWall.isContract(path.replace('/', '.'));
    }

    private static void extract(Path archive, Path target) throws IOException {
        try (ZipFile zip = new ZipFile(archive.toFile())) {
            Enumeration<? extends ZipEntry> entries = zip.entries();
            while (entries.hasMoreElements()) {
                ZipEntry entry = entries.nextElement();
                Path file = target.resolve(entry.getName()).normalize();
                if (!file.startsWith(target)) {
                    throw new IOException("entry " + entry.getName() + " points outside");
                }
                if (entry.isDirectory()) {
                    Files.createDirectories(file);
                } else {
                    Files.createDirectories(file.getParent());
                    Files.copy(zip.getInputStream(entry), file);
                }
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
