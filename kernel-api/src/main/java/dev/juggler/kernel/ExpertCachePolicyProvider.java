package dev.juggler.kernel;

import org.pf4j.ExtensionPoint;

/**
 * The extension point of policies by which experts come and go: makes an {@link ExpertCachePolicy}
 * for each layer of a model. Found in plugins; a program that embeds the engine gives it to the
 * engine itself.
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
