package dev.juggler.backend.cuda.driver;

import java.util.List;

/** The CUDA driver of this machine, as far as the backend uses it. */
public interface Driver {
    /** Its version for people, e.g. {@code CUDA 12.6}. */
    String version();

    /** Names of libraries beside it that would be used and are not there. */
    List<String> missingLibraries();

    /** The devices that it has, in its own order; asking opens none of them. */
    List<DeviceProperties> devices();

    /**
     * Opens a device. Two openings of the same one share its memory and nothing else.
     *
     * @param ordinal an index into {@link #devices()}
     * @throws DriverException if it cannot be opened
     */
    DriverDevice open(int ordinal);
}
