package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.MemoryInfo;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Experts that come one layer later: layers 1 to 5 of the tiny model have eight of them, of which a
 * token uses two.
 *
 * <p>By hand: a layer's stack has 800 bytes, of which a token reads 200; at 1e8 bytes a second 2
 * µs. Attention and router of a layer have 1320 bytes, which the device reads in 0.528 µs at 2.5e9.
 * A row of 64 bytes crosses the link in 10 µs + 64 bytes / 1e9. Where one of the two experts comes
 * later, its 1 µs pass while the row goes back to the device (10.064 µs) and the device reads; that
 * saves all of it, four times: layer 5 is the last.
 */
class DeferralTest {
    private static final MemoryInfo MEMORY = new MemoryInfo(1 << 20, 1 << 20);

    private static Hardware hardware(double processor) {
        return new Hardware(
                List.of(
                        new DeviceBudget("cuda:0", false, MEMORY, 2.5e9),
                        new DeviceBudget("cpu", true, MEMORY, processor)),
                1e9);
    }

    private static Workload workload() {
        return Workload.of(
                Collections.nCopies(TinyModel.LAYERS, new KvLayerShape(4, 4, 0)),
                DType.F16,
                64,
                1,
                new StepShape(64, 16, 2, 0));
    }

    private static PlacementRules rules(String text) {
        return PlacementRules.parse(
                ConfigFactory.parseString("default = \"cuda:0\", rules = [%s]".formatted(text)));
    }

    private static Placement place(String rules, double processor) {
        return rules(rules)
                .resolve(
                        TinyModel.mixture(),
                        hardware(processor),
                        workload(),
                        name -> ExpertUse.even(2, 8));
    }

    private static Placement place(String rules) {
        return place(rules, 1e8);
    }

    private static String layers(Placement placement, int experts) {
        return NumberRuns.text(
                placement.deferrals().stream()
                        .filter(deferral -> deferral.experts() == experts)
                        .map(Deferral::layer)
                        .toList());
    }

    private static double seconds(Placement placement, double processor) {
        return 1
                / Plan.of(placement, workload(), hardware(processor), ExpertUse.even(2, 8))
                        .prediction()
                        .decodeTokensPerSecond();
    }

    @Test
    void theLastLayerLeavesNothing() {
        Placement placement = place("{ match { role = experts }, device = cpu, defer = 1 }");
        assertEquals("1-4", layers(placement, 1));
        assertEquals(List.of(), placement.warnings());
    }

    @Test
    void theFirstRuleThatSpeaksDecides() {
        Placement placement =
                place(
                        """
                        { match { role = experts, layers = "1" }, defer = 0 }
                        { match { role = experts, layers = "2-3" }, defer = 2 }
                        { match { role = experts }, device = cpu, defer = 1 }
                        """);
        assertEquals("2-3", layers(placement, 2));
        assertEquals("4", layers(placement, 1));
    }

    @Test
    void whereItSavesNothingItIsNotDone() {
        Placement onDevice = place("{ match { role = experts }, defer = 1 }");
        assertEquals(List.of(), onDevice.deferrals());
        assertTrue(
                onDevice.warnings().getFirst().startsWith("defer has no effect: it needs experts"),
                onDevice.warnings().toString());
        Placement attention =
                place(
                        """
                        { match { role = attention, layers = "3-5" }, device = cpu }
                        { match { role = experts }, device = cpu, defer = 1 }
                        """);
        assertEquals("1", layers(attention, 1), "layer 2 would wait for layer 3 on the processor");
        assertEquals(List.of(), attention.warnings());
    }

    @Test
    void whatItSavesIsPredicted() {
        Placement never = place("{ match { role = experts }, device = cpu }");
        Placement one = place("{ match { role = experts }, device = cpu, defer = 1 }");
        assertEquals(4 * 1e-6, seconds(never, 1e8) - seconds(one, 1e8), 1e-9);
        // a processor of a tenth: 10 µs an expert pass in 10.064 + 0.528 µs, two do not
        assertEquals(4 * 10e-6, seconds(never, 1e7) - seconds(one, 1e7), 1e-9);
        Placement two = place("{ match { role = experts }, device = cpu, defer = 2 }");
        assertEquals(4 * 10.592e-6, seconds(never, 1e7) - seconds(two, 1e7), 1e-9);
        Placement more = place("{ match { role = experts }, device = cpu, defer = 7 }");
        assertEquals(seconds(two, 1e7), seconds(more, 1e7), 1e-12);
        double prompts =
                Plan.of(never, workload(), hardware(1e8), ExpertUse.even(2, 8))
                        .prediction()
                        .prefillTokensPerSecond();
        assertEquals(
                prompts,
                Plan.of(one, workload(), hardware(1e8), ExpertUse.even(2, 8))
                        .prediction()
                        .prefillTokensPerSecond(),
                "prompts are computed as ever");
    }

    @Test
    void aPlanSaysIt() {
        Placement placement = place("{ match { role = experts }, device = cpu, defer = 1 }");
        Plan plan = Plan.of(placement, workload(), hardware(1e8), ExpertUse.even(2, 8));
        Plan.Row row =
                plan.rows().stream()
                        .filter(found -> found.part().equals("defer"))
                        .findFirst()
                        .orElseThrow();
        assertEquals("1-4", row.layers());
        assertEquals("cpu", row.device());
        assertEquals(
                "rule 1: role=experts; defer, 1 of a generated token's experts in main memory come one layer later",
                row.rule());
        long rows = plan.rows().stream().mapToLong(Plan.Row::bytes).sum();
        assertEquals(plan.devices().stream().mapToLong(Plan.Ledger::needed).sum(), rows);
    }

    @Test
    void itIsPinnedTheSame() {
        Placement placement =
                place(
                        """
                        { match { role = experts, layers = "2-3" }, defer = 2 }
                        { match { role = experts }, device = cpu, defer = 1 }
                        """);
        Placement again =
                PlacementRules.parse(
                                ConfigFactory.parseString(placement.hocon()).getConfig("placement"))
                        .resolve(
                                TinyModel.mixture(),
                                hardware(1e8),
                                workload(),
                                name -> ExpertUse.even(2, 8));
        assertEquals(layers(placement, 1), layers(again, 1), placement.hocon());
        assertEquals(layers(placement, 2), layers(again, 2), placement.hocon());
        assertEquals(placement.hocon(), again.hocon());
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        for (String value : List.of("-1", "two", "1.5", "[1, 2]")) {
            PlacementException refused =
                    assertThrows(
                            PlacementException.class,
                            () ->
                                    rules(
                                            "{ match { role = experts }, defer = %s }"
                                                    .formatted(value)));
            assertTrue(
                    String.valueOf(refused.getMessage()).contains("defer is"),
                    refused.getMessage());
        }
        PlacementException some =
                assertThrows(
                        PlacementException.class,
                        () -> rules("{ match { role = experts, experts = \"0-3\" }, defer = 1 }"));
        assertTrue(
                String.valueOf(some.getMessage()).contains("without match.experts"),
                some.getMessage());
    }
}
