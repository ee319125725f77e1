package dev.juggler.engine.experts;

import dev.juggler.kernel.ExpertCachePolicy;
import dev.juggler.kernel.ExpertCachePolicyProvider;
import dev.juggler.kernel.KernelApi;
import java.util.SplittableRandom;

/** Throws out whomever the lot falls on. */
public record RandomEvictions(SplittableRandom random) implements ExpertCachePolicyProvider {
    @Override
    public String name() {
        return "random";
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public ExpertCachePolicy open(int experts, int places) {
        return new ExpertCachePolicy() {
            @Override
            public void used(int expert) {}

            @Override
            public int victim(int wanted, int[] resident) {
                return random.nextInt(4) == 0 ? NONE : resident[random.nextInt(resident.length)];
            }
        };
    }
}
