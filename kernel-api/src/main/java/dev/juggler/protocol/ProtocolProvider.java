package dev.juggler.protocol;

import org.pf4j.ExtensionPoint;

/**
 * The extension point of protocol plugins. A provider is created with its no-argument constructor
 * when its plugin starts; it must do no work there.
 */
public interface ProtocolProvider extends ExtensionPoint {
    /** Name of the protocol in the configuration ({@code juggler.protocol.NAME}) and in tables. */
    String name();

    /** The {@link dev.juggler.kernel.KernelApi#VERSION} that the plugin was compiled against. */
    int apiVersion();

    /** Makes the protocol; called once, before the server listens. */
    Protocol open(ProtocolContext context);
}
