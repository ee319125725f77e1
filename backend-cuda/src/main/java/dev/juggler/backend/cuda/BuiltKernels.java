package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.Libraries;
import dev.juggler.kernel.BackendException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The kernels as the build compiled them, where it had nvcc; where it had not, or where the driver
 * is older than that nvcc, NVRTC compiles their sources on first use.
 */
final class BuiltKernels implements KernelImages {
    private static final String BUILT = "kernels/kernels.fatbin";

    /** Names a file with kernels that were compiled by hand, which are taken instead. */
    private static final String NAMED = "JUGGLER_CUDA_KERNELS";

    private static final String ABSENT = "kernels/absent.txt";

    @Override
    public List<Candidate> candidates(DriverDevice device) {
        List<Candidate> candidates = new ArrayList<>();
        String named = System.getenv(NAMED);
        if (named != null && !named.isBlank()) {
            return List.of(() -> read(Path.of(named)));
        }
        byte[] built = resource(BUILT);
        if (built != null) {
            candidates.add(() -> new KernelImage(built, "built with nvcc"));
        }
        if (Libraries.isThere(Libraries.NVRTC)) {
            candidates.add(() -> new CompiledKernels().image(device.properties().architecture()));
        }
        if (candidates.isEmpty()) {
            byte[] reason = resource(ABSENT);
            throw new BackendException(
                    "there are no compiled kernels (%s) and no %s to compile them here; %s"
                            .formatted(
                                    reason == null
                                            ? "none were built"
                                            : new String(reason, StandardCharsets.UTF_8).strip(),
                                    Libraries.NVRTC,
                                    Libraries.REMEDY));
        }
        return candidates;
    }

    private static KernelImage read(Path file) {
        try {
            return new KernelImage(Files.readAllBytes(file), "from " + file.getFileName());
        } catch (IOException e) {
            throw new BackendException(
                    "the kernels that %s names cannot be read: %s".formatted(NAMED, e), e);
        }
    }

    static byte @Nullable [] resource(String name) {
        try (InputStream stream = BuiltKernels.class.getResourceAsStream(name)) {
            return stream == null ? null : stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("the plugin's resource " + name + " cannot be read", e);
        }
    }
}
