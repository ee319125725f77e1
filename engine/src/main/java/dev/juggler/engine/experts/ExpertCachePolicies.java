package dev.juggler.engine.experts;

import dev.juggler.kernel.ExpertCachePolicy;
import dev.juggler.kernel.ExpertCachePolicyProvider;
import dev.juggler.kernel.KernelApi;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;

/** The policies there are, by name: our own, and those of a program that embeds the engine. */
public final class ExpertCachePolicies {
    private final Map<String, ExpertCachePolicyProvider> byName = new TreeMap<>();

    private ExpertCachePolicies(Collection<? extends ExpertCachePolicyProvider> providers) {
        providers.forEach(provider -> byName.put(provider.name(), provider));
    }

    /** Those of the engine: {@code lru} and {@code lfu}. */
    public static ExpertCachePolicies builtIn() {
        return new ExpertCachePolicies(
                List.of(
                        new BuiltIn("lru", LeastRecentlyUsed::new),
                        new BuiltIn("lfu", DecayingFrequency::new)));
    }

    /** Those of the engine and others; one of the same name replaces ours. */
    public ExpertCachePolicies and(Collection<? extends ExpertCachePolicyProvider> others) {
        ExpertCachePolicies all = new ExpertCachePolicies(byName.values());
        others.forEach(provider -> all.byName.put(provider.name(), provider));
        return all;
    }

    /** Their names, sorted. */
    public List<String> names() {
        return List.copyOf(byName.keySet());
    }

    /**
     * A policy for one layer.
     *
     * @throws IllegalArgumentException if there is none of this name, naming those there are
     */
    public ExpertCachePolicy open(String name, int experts, int places) {
        ExpertCachePolicyProvider provider = byName.get(name);
        if (provider == null) {
            throw new IllegalArgumentException(
                    "there is no expert cache policy %s; known are %s"
                            .formatted(name, String.join(", ", names())));
        }
        return provider.open(experts, places);
    }

    private record BuiltIn(String name, IntFunction<ExpertCachePolicy> maker)
            implements ExpertCachePolicyProvider {
        @Override
        public int apiVersion() {
            return KernelApi.VERSION;
        }

        @Override
        public ExpertCachePolicy open(int experts, int places) {
            return maker.apply(experts);
        }
    }
}
