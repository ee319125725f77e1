package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.kernel.BackendException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The kernels as the build compiled them, where it had nvcc; where it had not, or where the driver
 * is older than that nvcc, NVRTC compiles their sources on first use.
 */
final class BuiltKernels implements KernelImages {
    private static final String BUILT = "kernels/kernels.fatbin";
    private static final String ABSENT = "kernels/absent.txt";

    @Override
    public List<Candidate> candidates(DriverDevice device) {
        List<Candidate> candidates = new ArrayList<>();
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

    static byte @Nullable [] resource(String name) {
        try (InputStream stream = BuiltKernels.class.getResourceAsStream(name)) {
            return stream == null ? null : stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("the plugin's resource " + name + " cannot be read", e);
        }
    }
}
