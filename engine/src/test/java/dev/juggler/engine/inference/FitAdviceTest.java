package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.placement.AssumedHardware;
import dev.juggler.engine.placement.Plan;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What would make a model fit: whoever follows the advice has a model that just fits. */
class FitAdviceTest {
    private static Plan plan(String machine, int context, int parallel, String placement) {
        ModelSettings settings =
                ModelSettings.all(
                                ConfigFactory.parseString(
                                        """
                                        juggler.models.demo {
                                          path = "%s", context = %d, parallel = %d
                                          placement { %s }
                                        }
                                        """
                                                .formatted(
                                                        DemoModel.file(),
                                                        context,
                                                        parallel,
                                                        placement)))
                        .getFirst();
        try (ModelFile file = ModelFile.openForPlan(settings, AssumedHardware.parse(machine))) {
            return file.plan();
        }
    }

    private static long number(Plan plan, String pattern) {
        for (String remedy : plan.remedies()) {
            Matcher matcher = Pattern.compile(pattern).matcher(remedy);
            if (matcher.find()) {
                return Long.parseLong(matcher.group(1));
            }
        }
        throw new AssertionError(pattern + " is not in " + plan.remedies());
    }

    @Test
    void theLargestContextAndParallelismThatFitAreFound() {
        String machine = "cpu=40MiB@80GB/s";
        Plan plan = plan(machine, 65536, 4, "");
        assertFalse(plan.fits());
        int context = (int) number(plan, "^context = (\\d+) instead of 65536$");
        assertTrue(plan(machine, context, 4, "").fits());
        assertFalse(plan(machine, context + 256, 4, "").fits());
        assertTrue(plan(machine, 65536, 1, "").remedies().toString().contains("context = "));
        Plan small = plan(machine, context, 12, "");
        int parallel = (int) number(small, "^parallel = (\\d+) instead of 12$");
        assertTrue(plan(machine, context, parallel, "").fits());
        assertFalse(plan(machine, context, parallel + 1, "").fits());
    }

    @Test
    void theMissingMemoryIsExact() {
        Plan plan = plan("cpu=20000000B@80GB/s", 65536, 4, "");
        long missing = number(plan, "more memory on cpu \\((\\d+) bytes\\)");
        assertEquals(
                plan.devices().getFirst().needed() - 20_000_000,
                missing,
                plan.remedies().toString());
        assertTrue(plan("cpu=%dB@80GB/s".formatted(20_000_000 + missing), 65536, 4, "").fits());
        assertFalse(plan("cpu=%dB@80GB/s".formatted(19_999_999 + missing), 65536, 4, "").fits());
    }

    @Test
    void rulesThatAskForTooMuchAreToldFromThoseThatCannotBeHelped() {
        String machine = "cuda:0=20MiB@1000GB/s,cpu=1GiB@50GB/s";
        Plan plan = plan(machine, 8192, 4, "default = \"cuda:0\"");
        assertFalse(plan.fits());
        assertTrue(
                plan.remedies()
                        .contains(
                                "placement { rules = [], default = auto } instead of these rules"),
                plan.remedies().toString());
        assertTrue(plan(machine, 8192, 4, "").fits());
        Plan tiny = plan("cpu=1MiB@50GB/s", 8192, 4, "");
        assertFalse(tiny.fits());
        assertTrue(
                tiny.remedies().stream().allMatch(remedy -> remedy.contains("more memory on cpu")),
                tiny.remedies().toString());
        assertTrue(tiny.advice().contains("; what would make it fit: "), tiny.advice());
        assertEquals(List.of(), plan(machine, 8192, 4, "").remedies());
    }
}
