package dev.juggler.engine.inference;

import dev.juggler.engine.placement.HumanBytes;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.engine.placement.Plan;
import dev.juggler.engine.placement.Plan.Ledger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/**
 * What would make a model fit that does not: each remedy alone, tried by planning again, as it is
 * written in the configuration.
 */
final class FitAdvice {
    /** A shorter context is of little use to anybody. */
    private static final int LEAST_CONTEXT = 256;

    private final ModelOutline outline;
    private final List<String> remedies = new ArrayList<>();

    private FitAdvice(ModelOutline outline) {
        this.outline = outline;
    }

    /** The plan of a model, with remedies if it does not fit. */
    static Plan plan(ModelOutline outline) {
        Plan plan = outline.plan();
        return plan.fits() ? plan : plan.withRemedies(new FitAdvice(outline).find(plan));
    }

    private List<String> find(Plan plan) {
        int parallel = plan.parallel();
        int context =
                largest(
                                1,
                                (plan.context() - 1) / LEAST_CONTEXT,
                                units -> fits(units * LEAST_CONTEXT, parallel))
                        * LEAST_CONTEXT;
        if (context > 0) {
            remedies.add("context = %d instead of %d".formatted(context, plan.context()));
        }
        int sequences = largest(1, parallel - 1, count -> fits(plan.context(), count));
        if (sequences > 0) {
            remedies.add("parallel = %d instead of %d".formatted(sequences, parallel));
        }
        if (!outline.settings().placement().equals(PlacementRules.none())
                && outline.with(PlacementRules.none()).plan().fits()) {
            remedies.add("placement { rules = [], default = auto } instead of these rules");
        }
        for (Ledger ledger : plan.devices()) {
            if (!ledger.fits() && ledger.needed() > 0) {
                moreMemory(plan, ledger);
            }
        }
        return remedies;
    }

    private void moreMemory(Plan plan, Ledger ledger) {
        long needed =
                outline.hardware().isHost(ledger.device())
                        ? plan.devices().stream()
                                .filter(other -> outline.hardware().isHost(other.device()))
                                .mapToLong(Ledger::needed)
                                .sum()
                        : ledger.needed();
        long missing = needed - ledger.available();
        String text =
                "%s more memory on %s (%d bytes)"
                        .formatted(HumanBytes.text(missing), ledger.device(), missing);
        if (!remedies.contains(text)) {
            remedies.add(text);
        }
        if (ledger.weights() > missing) {
            double left = (double) (ledger.weights() - missing) / ledger.weights();
            remedies.add(
                    String.format(
                            Locale.ROOT,
                            "a quantization whose weights on %s take at most %.0f %% of these",
                            ledger.device(),
                            Math.floor(100 * left)));
        }
    }

    private boolean fits(int context, int parallel) {
        return outline.with(context, parallel).plan().fits();
    }

    /** The largest number that fits, or 0 if none does: the more, the more memory. */
    private static int largest(int least, int most, IntPredicate fits) {
        if (most < least || !fits.test(least)) {
            return 0;
        }
        int low = least;
        int high = most;
        while (low < high) {
            int middle = low + (high - low + 1) / 2;
            if (fits.test(middle)) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
