package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import java.util.List;

/** Finds compiled kernels for a device. */
interface KernelImages {
    /**
     * What may be loaded, the best first: where the driver refuses one, the next is tried. Made
     * when it is asked for, which may take the time of a compilation.
     *
     * @throws dev.juggler.kernel.BackendException if there is none, naming the remedy
     */
    List<Candidate> candidates(DriverDevice device);

    /** An image that may have to be made first. */
    interface Candidate {
        /**
         * The image, made where it has to be.
         *
         * @throws dev.juggler.kernel.BackendException if it cannot be made
         */
        KernelImage image();
    }
}
