package dev.juggler.engine.placement;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A weight and where it lives.
 *
 * @param weight the weight
 * @param shards its parts in the order of experts, together all of it; one unless its experts are
 *     split
 */
public record PlacedWeight(WeightDescriptor weight, List<Shard> shards) {
    public PlacedWeight {
        shards = List.copyOf(shards);
    }

    /**
     * A run of experts of a stack, or a whole weight.
     *
     * @param firstExpert its first expert; 0 of a weight that is no stack
     * @param experts how many experts; 0 of a weight that is no stack
     * @param bytes size
     * @param device where it lives
     * @param kernel which kernels compute with it, or null for the device's choice
     * @param decision what decided the device
     */
    public record Shard(
            int firstExpert,
            int experts,
            long bytes,
            String device,
            @Nullable String kernel,
            Decision decision) {}

    /**
     * What decided a device.
     *
     * @param rule number of the rule, from 1; 0: the default
     * @param text the rule's match, or {@code default}
     */
    public record Decision(int rule, String text) {
        // Written out for the reason told in WeightDescriptor.

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Decision that && rule == that.rule && text.equals(that.text);
        }

        @Override
        public int hashCode() {
            return 31 * text.hashCode() + rule;
        }

        /** How tables show it. */
        @Override
        public String toString() {
            return rule == 0 ? text : "rule %d: %s".formatted(rule, text);
        }
    }

    /** True if its experts live on more than one device or use different kernels. */
    public boolean isSplit() {
        return shards.size() > 1;
    }

    /**
     * The device of a weight that is not split.
     *
     * @throws IllegalStateException if it is split
     */
    public String device() {
        if (isSplit()) {
            throw new IllegalStateException(
                    "%s is split into %d parts".formatted(weight.name(), shards.size()));
        }
        return shards.getFirst().device();
    }
}
