package dev.juggler.kernel;

import org.pf4j.ExtensionPoint;

/**
 * Makes an {@link ExpertCachePolicy} for each layer of a model. The program that embeds the engine
 * gives it to the engine; plugins are not searched for it yet.
 */
public interface ExpertCachePolicyProvider extends ExtensionPoint {
    /** What {@code hot { choose = NAME }} calls it: small letters, digits and dashes. */
    String name();

    /** The {@link KernelApi#VERSION} that the plugin was compiled against. */
    int apiVersion();

    /**
     * A policy for one layer.
     *
     * @param experts how many experts the layer has
     * @param places how many of them have a place in fast memory at the same time
     */
    ExpertCachePolicy open(int experts, int places);
}
