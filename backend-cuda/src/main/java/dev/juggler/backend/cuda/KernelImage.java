package dev.juggler.backend.cuda;

/** Compiled kernels for one device. */
final class KernelImage {
    private final byte[] bytes;
    private final String origin;

    /**
     * @param bytes as {@link dev.juggler.backend.cuda.driver.DriverDevice#load} takes them
     * @param origin where they come from, for people
     */
    KernelImage(byte[] bytes, String origin) {
        this.bytes = bytes;
        this.origin = origin;
    }

    byte[] bytes() {
        return bytes;
    }

    String origin() {
        return origin;
    }
}
