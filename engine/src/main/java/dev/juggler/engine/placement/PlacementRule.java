package dev.juggler.engine.placement;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One rule: what it says of the weights that it matches. A property that is null is left to later
 * rules.
 *
 * @param number its place in the list, from 1
 * @param match which weights
 * @param device where they live, {@code auto} for the best device
 * @param kernel which kernels compute with them
 * @param hot experts that are kept elsewhere
 * @param prefill where long prompts are computed
 * @param defer how many of a generated token's experts in main memory come one layer later, 0 for
 *     none
 * @param required whether it is an error if no weight is matched
 * @param origin where it stands in the configuration
 */
public record PlacementRule(
        int number,
        RuleMatch match,
        @Nullable String device,
        @Nullable String kernel,
        @Nullable HotExperts hot,
        @Nullable PrefillDevice prefill,
        @Nullable Integer defer,
        boolean required,
        String origin) {

    /**
     * Some of the experts on a faster device.
     *
     * @param device where they live
     * @param memory bytes that they may take
     * @param choose how they are chosen: {@code uniform} (as many of each layer), {@code first} (of
     *     the first layers all), {@code frequency} (those that are used most), or the name of a
     *     policy by which they change while the model runs
     * @param profile file with a {@link RoutingProfile}, or null for that of the whole placement
     * @param moves where they change: most experts that one step brings to the device
     */
    public record HotExperts(
            String device, long memory, String choose, @Nullable String profile, int moves) {
        private static final Set<String> FIXED = Set.of("uniform", "first", "frequency");

        /** Whether experts come and go while the model runs. */
        public boolean isLive() {
            return !FIXED.contains(choose);
        }
    }

    /**
     * Another device for steps of many rows.
     *
     * @param device where they are computed
     * @param whenRows from how many rows on at the least; null: from where it is faster
     * @param memory bytes of the two buffers through which experts come; null: a part of what the
     *     device has
     */
    public record PrefillDevice(String device, @Nullable Integer whenRows, @Nullable Long memory) {}

    /** The same rule where these devices are not there. */
    PlacementRule without(Set<String> devices) {
        return new PlacementRule(
                number,
                match,
                device != null && devices.contains(device) ? PlacementRules.AUTO : device,
                kernel,
                hot != null && devices.contains(hot.device()) ? null : hot,
                prefill != null && devices.contains(prefill.device()) ? null : prefill,
                defer,
                required,
                origin);
    }

    /** How messages call it. */
    @Override
    public String toString() {
        return "rule %d (%s; %s)".formatted(number, match, origin);
    }
}
