package dev.juggler.kernel;

/**
 * Memory of a device in bytes, as it is now.
 *
 * @param total what the device has
 * @param free what could still be allocated
 */
public record MemoryInfo(long total, long free) {}
