package dev.juggler.launcher.download;

import dev.juggler.launcher.download.RemoteArchive.Entry;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * NVIDIA's CUDA 12 libraries beside the driver, as Maven Central has them: of an archive of 2 GB
 * the few files that make products (cuBLAS) and compile kernels (NVRTC).
 */
public final class CudaRedistributable {
    /** Name of it in commands. */
    public static final String NAME = "cuda-redist";

    /** Where it is. */
    public static final String REPOSITORY = "https://repo.maven.apache.org/maven2";

    /** What a driver or a toolkit may have instead, in the order in which they are loaded. */
    public static final List<String> LIBRARIES =
            List.of(
                    "libcublasLt.so.12",
                    "libcublas.so.12",
                    "libnvrtc-builtins.so.12.6",
                    "libnvrtc.so.12");

    private static final String PATH =
            "org/bytedeco/cuda/12.6-9.5-1.5.11/cuda-12.6-9.5-1.5.11-linux-x86_64-redist.jar";

    private CudaRedistributable() {}

    /** Where the CUDA backend looks for libraries that the system does not have. */
    public static Path folder() {
        String set = System.getenv("JUGGLER_CUDA_LIBRARIES");
        return set != null && !set.isBlank()
                ? Path.of(set)
                : Path.of(System.getProperty("user.home"), ".cache", "juggler", "cuda-libraries");
    }

    /** Its address in a Maven repository. */
    public static URI in(String repository) {
        return URI.create((repository.endsWith("/") ? repository : repository + "/") + PATH);
    }

    /**
     * The libraries in the archive.
     *
     * @throws DownloadException naming those that are not in it
     */
    public static List<Entry> libraries(RemoteArchive archive, URI address) {
        List<Entry> all = archive.entries();
        List<Entry> found = new ArrayList<>();
        List<String> absent = new ArrayList<>();
        for (String library : LIBRARIES) {
            all.stream()
                    .filter(entry -> entry.fileName().equals(library))
                    .findFirst()
                    .ifPresentOrElse(found::add, () -> absent.add(library));
        }
        if (!absent.isEmpty()) {
            throw new DownloadException(
                    "%s has no %s".formatted(address, String.join(", ", absent)));
        }
        return found;
    }
}
