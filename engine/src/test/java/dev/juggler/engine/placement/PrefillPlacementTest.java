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
 * From how many rows on experts cross to another device: five layers of eight experts of 100 bytes,
 * of which a token uses two.
 *
 * <p>By hand: a layer's experts are 800 bytes, 1422.2 elements of Q4_K. The processor reads 1e8
 * bytes a second and does 20 operations for each: with more than 22 rows a step it computes for 2 ·
 * 1422.2 · 2/8 / 2e9 = 0.3556 µs a row and layer. Over the link 800 bytes take 0.8 µs, in which the
 * device computes too; going there and back takes 2 · (10 µs + 64 bytes a row / 1e9) = 20 µs +
 * 0.128 µs a row. So it is faster from 20.8 / (0.3556 - 0.128) = 91.4 rows on.
 */
class PrefillPlacementTest {
    private static final int EVEN = 92;

    private static Hardware hardware(double link) {
        MemoryInfo memory = new MemoryInfo(1 << 20, 1 << 20);
        return new Hardware(
                List.of(
                        new DeviceBudget("cpu", true, memory, 1e8),
                        new DeviceBudget("cuda:0", false, memory, 1e9)),
                link);
    }

    private static Workload workload(int rows) {
        return Workload.of(
                Collections.nCopies(TinyModel.LAYERS, new KvLayerShape(4, 4, 0)),
                DType.F16,
                64,
                1,
                new StepShape(rows, 16, 2, 0));
    }

    private static PlacementRules rules(String prefill) {
        return PlacementRules.parse(
                ConfigFactory.parseString(
                        """
                        rules = [{ match { role = experts }, device = cpu, prefill { %s } }]
                        default = cpu
                        """
                                .formatted(prefill)));
    }

    private static Placement place(String prefill, int rows, double link) {
        return rules(prefill)
                .resolve(
                        TinyModel.mixture(),
                        hardware(link),
                        workload(rows),
                        name -> ExpertUse.even(2, 8));
    }

    private static List<Integer> whenRows(Placement placement) {
        return placement.streamedExperts().stream()
                .map(StreamedExperts::whenRows)
                .distinct()
                .toList();
    }

    @Test
    void autoIsWhereItBeginsToWin() {
        String auto = "device = \"cuda:0\", when-rows = auto";
        assertEquals(List.of(EVEN), whenRows(place(auto, 512, 1e9)));
        assertEquals(5, place(auto, EVEN, 1e9).streamedExperts().size());
        assertEquals(List.of(), whenRows(place(auto, EVEN - 1, 1e9)));
        Placement few = place(auto, 8, 1e9);
        assertEquals(1, few.warnings().size());
        assertTrue(
                few.warnings().getFirst().contains("it wins from 92 rows on (92 rows: 0."),
                few.warnings().toString());
        assertTrue(few.warnings().getFirst().contains("set step-rows = 92"));
    }

    @Test
    void aNumberIsTheLeastAndTheArithmeticHasTheLastWord() {
        assertEquals(
                List.of(200), whenRows(place("device = \"cuda:0\", when-rows = 200", 512, 1e9)));
        assertEquals(
                List.of(EVEN), whenRows(place("device = \"cuda:0\", when-rows = 16", 512, 1e9)));
    }

    @Test
    void aLinkThatIsTooSlowIsNeverUsed() {
        // a row of 64 bytes there and back takes longer than its products
        Placement placement = place("device = \"cuda:0\", when-rows = 16", 512, 1e8);
        assertEquals(List.of(), placement.streamedExperts());
        assertTrue(
                placement.warnings().getFirst().contains("it never wins"),
                placement.warnings().toString());
        assertEquals(0, place("device = \"cuda:0\"", 512, 1e8).devices().size() - 1);
    }

    @Test
    void buffersHaveTheirRoom() {
        // two buffers of five experts: 500 bytes, rounded up to a multiple of 256
        Placement placement = place("device = \"cuda:0\", memory = 1100", 512, 1e9);
        StreamedExperts first = placement.streamedExperts().getFirst();
        assertEquals(5, first.chunk());
        assertEquals(512, first.bufferBytes());
        Plan plan = Plan.of(placement, workload(512), hardware(1e9), ExpertUse.even(2, 8));
        Plan.Ledger cuda = plan.devices().get(1);
        assertEquals(1024, cuda.buffers());
        Plan.Row row =
                plan.rows().stream()
                        .filter(found -> found.part().equals("prefill"))
                        .findFirst()
                        .orElseThrow();
        assertEquals("1-5", row.layers());
        assertEquals(1024, row.bytes());
        assertTrue(row.rule().startsWith("rule 1: role=experts; prefill from 92 rows on; it wins"));
        PlacementException little =
                assertThrows(
                        PlacementException.class,
                        () -> place("device = \"cuda:0\", memory = 500", 512, 1e9));
        assertTrue(
                String.valueOf(little.getMessage()).contains("two buffers of 250 bytes"),
                little.getMessage());
    }

    @Test
    void aStepOfManyRowsIsPredictedFaster() {
        Workload workload = workload(512);
        ExpertUse even = ExpertUse.even(2, 8);
        Placement with = place("device = \"cuda:0\"", 512, 1e9);
        double faster =
                Plan.of(with, workload, hardware(1e9), even).prediction().prefillTokensPerSecond();
        double slower =
                Plan.of(with.withStreams(List.of(), List.of()), workload, hardware(1e9), even)
                        .prediction()
                        .prefillTokensPerSecond();
        // of the step 5 layers: 512 · 0.3556 µs of products against 20 µs + 512 · 0.128 µs and the
        // device's 512 · 711.1 / 1e11 s
        double saved = 5 * (512 * 711.11 / 2e9 - (20e-6 + 512 * 0.128e-6 + 512 * 711.11 / 1e11));
        assertEquals(saved, 512 / slower - 512 / faster, 1e-3 * saved);
    }

    @Test
    void itIsPinnedTheSame() {
        Placement placement = place("device = \"cuda:0\", memory = 1100", 512, 1e9);
        Placement again =
                PlacementRules.parse(
                                ConfigFactory.parseString(placement.hocon()).getConfig("placement"))
                        .resolve(
                                TinyModel.mixture(),
                                hardware(1e9),
                                workload(512),
                                name -> ExpertUse.even(2, 8));
        assertEquals(whenRows(placement), whenRows(again), placement.hocon());
        assertEquals(
                placement.streamedExperts().getFirst().bufferBytes(),
                again.streamedExperts().getFirst().bufferBytes());
    }
}
