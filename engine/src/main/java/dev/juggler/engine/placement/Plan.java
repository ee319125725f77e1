package dev.juggler.engine.placement;

import java.util.List;

/**
 * What a model on its devices will cost, worked out before anything is loaded.
 *
 * @param rows what lives where and why
 * @param devices the memory of each device
 * @param fits whether all of it fits
 * @param verdict the same as a sentence, with the arithmetic
 * @param context most positions of a sequence
 * @param parallel sequences at once
 * @param cacheType how keys and values are stored
 * @param prediction how fast it could be
 * @param remedies where it does not fit, what would make it fit
 * @param warnings rules that do nothing
 */
public record Plan(
        List<Row> rows,
        List<Ledger> devices,
        boolean fits,
        String verdict,
        int context,
        int parallel,
        String cacheType,
        Prediction prediction,
        List<String> remedies,
        List<String> warnings) {
    public Plan {
        rows = List.copyOf(rows);
        devices = List.copyOf(devices);
        remedies = List.copyOf(remedies);
        warnings = List.copyOf(warnings);
    }

    /**
     * Parts of a model that one decision put on one device.
     *
     * @param part a role, {@code cache} or {@code buffers}
     * @param layers e.g. {@code 0-2,5}; empty outside of layers
     * @param experts ids, e.g. {@code 0-63}; empty if all or none
     * @param device where they live
     * @param types element types
     * @param bytes size; tied weights count once on a device
     * @param rule what decided
     */
    public record Row(
            String part,
            String layers,
            String experts,
            String device,
            List<String> types,
            long bytes,
            String rule) {
        public Row {
            types = List.copyOf(types);
        }
    }

    /**
     * The memory of one device, in bytes.
     *
     * @param device its name
     * @param weights of weights
     * @param cache of keys and values
     * @param buffers of activations
     * @param needed of these together
     * @param available what is free on the device now; devices in main memory share it
     * @param fits whether it has room, together with those that share its memory
     * @param bytesPerToken of weights that a token reads: experts as far as they are used
     * @param cacheBytesPerToken of the cache that the last token of a full context reads
     * @param bytesPerSecond measured
     */
    public record Ledger(
            String device,
            long weights,
            long cache,
            long buffers,
            long needed,
            long available,
            boolean fits,
            long bytesPerToken,
            long cacheBytesPerToken,
            double bytesPerSecond) {}

    /**
     * Works out the plan of a placement.
     *
     * @param placement where each weight lives
     * @param workload what is asked of the model
     * @param hardware with at least all devices of the placement
     * @param use how often experts are used
     */
    public static Plan of(
            Placement placement, Workload workload, Hardware hardware, ExpertUse use) {
        return new Planner(placement, workload, hardware, use).plan();
    }

    /** The same plan with what would make it fit. */
    public Plan withRemedies(List<String> found) {
        return new Plan(
                rows,
                devices,
                fits,
                verdict,
                context,
                parallel,
                cacheType,
                prediction,
                found,
                warnings);
    }

    /** The verdict with what would make it fit. */
    public String advice() {
        return remedies.isEmpty()
                ? verdict
                : "%s; what would make it fit: %s"
                        .formatted(verdict, String.join("; or ", remedies));
    }

    /** The plan for people: aligned tables and the verdict. */
    public String text() {
        return PlanText.of(this);
    }
}
