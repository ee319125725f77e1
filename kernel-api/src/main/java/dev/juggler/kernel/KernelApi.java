package dev.juggler.kernel;

/** The version of the contracts in this module. */
public final class KernelApi {
    /** Raised when a plugin compiled before could break. A plugin of another version is refused. */
    public static final int VERSION = 1;

    private KernelApi() {}
}
