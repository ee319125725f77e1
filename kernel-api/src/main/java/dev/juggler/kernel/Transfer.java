package dev.juggler.kernel;

/**
 * Bytes on their way to a device, begun by {@link Backend#upload}. For the thread that calls the
 * device's kernels.
 */
public interface Transfer {
    /** A transfer that is over. */
    Transfer DONE =
            new Transfer() {
                @Override
                public boolean isDone() {
                    return true;
                }

                @Override
                public void join() {}
            };

    /**
     * Whether the bytes are there; does not wait.
     *
     * @throws DeviceFailedException if the device has failed
     */
    boolean isDone();

    /**
     * Orders what is enqueued from now on behind the transfer. A device that can wait by itself
     * does so, and the caller goes on; others make the caller wait.
     *
     * @throws DeviceFailedException if the device has failed
     */
    void join();
}
