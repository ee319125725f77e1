package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DeviceProperties;
import dev.juggler.backend.cuda.driver.Driver;
import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverSource;
import dev.juggler.backend.cuda.driver.Libraries;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.KernelApi;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pf4j.Extension;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens NVIDIA GPUs as devices {@code cuda:0}, {@code cuda:1} and so on. */
@Extension
public final class CudaBackendProvider implements BackendProvider {
    /** The backend's name in the configuration. */
    public static final String NAME = "cuda";

    /** Older ones lack instructions that the kernels are made of. */
    private static final int OLDEST_ARCHITECTURE = 75;

    private static final int SCORE = 200;
    private static final Logger LOG = LoggerFactory.getLogger(CudaBackendProvider.class);

    private final DriverSource drivers;
    private final KernelImages images;

    /** For this machine's driver. */
    public CudaBackendProvider() {
        this(DriverSource.INSTALLED, new BuiltKernels());
    }

    CudaBackendProvider(DriverSource drivers, KernelImages images) {
        this.drivers = drivers;
        this.images = images;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public Availability probe() {
        return switch (drivers.find()) {
            case DriverSource.Missing missing ->
                    new Availability.Unusable(missing.reason(), missing.remedy());
            case DriverSource.Found found -> describe(found.driver());
        };
    }

    private static Availability describe(Driver driver) {
        List<DeviceProperties> devices = driver.devices();
        List<String> usable =
                IntStream.range(0, devices.size())
                        .filter(i -> devices.get(i).architecture() >= OLDEST_ARCHITECTURE)
                        .mapToObj(i -> NAME + ":" + i)
                        .toList();
        if (devices.isEmpty()) {
            return new Availability.Unusable(
                    "the driver finds no GPU", "see nvidia-smi; is CUDA_VISIBLE_DEVICES empty?");
        }
        if (usable.isEmpty()) {
            DeviceProperties first = devices.getFirst();
            return new Availability.Unusable(
                    "%s has compute capability %d.%d"
                            .formatted(first.name(), first.major(), first.minor()),
                    "7.5 (Turing) or newer is needed");
        }
        return new Availability.Usable(
                SCORE,
                usable,
                names(devices) + ", " + driver.version() + missing(driver.missingLibraries()));
    }

    /** Nothing is refused for want of these where the build has compiled kernels. */
    private static String missing(List<String> libraries) {
        return libraries.isEmpty()
                ? ""
                : "; does without %s (to have them: %s)"
                        .formatted(String.join(" and ", libraries), Libraries.REMEDY);
    }

    private static String names(List<DeviceProperties> devices) {
        return String.join(
                ", ",
                devices.stream()
                        .map(device ->
                                "%s %.0f GiB"
                                        .formatted(
                                                device.name(),
                                                device.memory() / (double) (1 << 30)))
                        .toList());
    }

    @Override
    public Backend open(BackendOptions options) {
        CudaOptions settings = CudaOptions.of(options);
        Driver driver =
                switch (drivers.find()) {
                    case DriverSource.Missing missing ->
                            throw new BackendException(missing.reason() + "; " + missing.remedy());
                    case DriverSource.Found found -> found.driver();
                };
        int ordinal = ordinal(options.device(), driver.devices().size());
        DriverDevice device = null;
        try {
            device = driver.open(ordinal);
            return open(options.device(), device, settings);
        } catch (DriverException e) {
            close(device);
            throw new BackendException(
                    "device %s cannot be opened: %s".formatted(options.device(), e.getMessage()),
                    e);
        } catch (BackendException e) {
            close(device);
            throw e;
        }
    }

    private Backend open(String name, DriverDevice device, CudaOptions settings) {
        DriverException refusal = null;
        for (KernelImages.Candidate candidate : images.candidates(device)) {
            KernelImage image = candidate.image();
            KernelModule module;
            try {
                module = new KernelModule(device, image.bytes());
            } catch (DriverException e) {
                LOG.info("{}: kernels {} are refused: {}", name, image.origin(), e.getMessage());
                refusal = e;
                continue;
            }
            Card card = new Card(name, device, module, settings);
            try {
                return new CudaBackend(card, image.origin());
            } catch (RuntimeException e) {
                card.close();
                throw e;
            }
        }
        throw new BackendException(
                "device %s: its driver takes none of the compiled kernels (%s); %s"
                        .formatted(
                                name,
                                refusal == null ? "there are none" : refusal.getMessage(),
                                Libraries.REMEDY));
    }

    private static int ordinal(String name, int devices) {
        if (name.startsWith(NAME + ":")) {
            try {
                int ordinal = Integer.parseInt(name.substring(NAME.length() + 1));
                if (ordinal >= 0 && ordinal < devices) {
                    return ordinal;
                }
            } catch (NumberFormatException e) {
                // told below
            }
        }
        throw new BackendException(
                "%s has no device \"%s\", only %s:0 to %s:%d"
                        .formatted(NAME, name, NAME, NAME, devices - 1));
    }

    private static void close(@Nullable DriverDevice device) {
        if (device != null) {
            try {
                device.close();
            } catch (DriverException e) {
                LOG.debug("a device that could not be used does not close", e);
            }
        }
    }
}
