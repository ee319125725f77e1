package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.MemoryInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Experts that a rule keeps on another device: eight of 100 bytes in each of the layers 1 to 5. */
class HotExpertTest {
    private static final Hardware HARDWARE =
            new Hardware(
                    List.of(
                            new DeviceBudget("cpu", true, new MemoryInfo(1 << 20, 1 << 20), 1e8),
                            new DeviceBudget(
                                    "cuda:0", false, new MemoryInfo(1 << 20, 1 << 20), 1e9)),
                    1e9);

    private static Workload workload() {
        return Workload.of(
                Collections.nCopies(TinyModel.LAYERS, new KvLayerShape(4, 4, 0)),
                DType.F16,
                64,
                1,
                new StepShape(8, 16, 2, 0));
    }

    private static Placement place(String hot, ExpertUse use) {
        String rules =
                """
                rules = [{ match { role = experts, layers = "2-5" }, device = cpu, hot { %s } }]
                default = cpu
                """
                        .formatted(hot);
        return PlacementRules.parse(ConfigFactory.parseString(rules))
                .resolve(TinyModel.mixture(), HARDWARE, workload(), name -> use);
    }

    /** As layer.expert. */
    private static List<String> moved(Placement placement) {
        List<String> moved = new ArrayList<>();
        for (PlacedWeight placed : placement.weights()) {
            for (int e = 0; e < placed.weight().experts(); e++) {
                if (placement.device(placed.weight(), e).equals("cuda:0")) {
                    moved.add(placed.weight().layer() + "." + e);
                }
            }
        }
        return moved;
    }

    private static String hot(String choose, int memory) {
        return "device = \"cuda:0\", memory = %d, choose = %s".formatted(memory, choose);
    }

    private static final ExpertUse NOBODY =
            (layer, expert) -> {
                throw new AssertionError("nobody should ask");
            };

    @Test
    void firstFillsLayerByLayer() {
        Placement placement = place(hot("first", 1050), NOBODY);
        assertEquals(
                List.of("2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "3.0", "3.1"),
                moved(placement));
        assertEquals(List.of(), placement.warnings());
        assertEquals(
                "rule 1: role=experts layers=2-5; hot, first",
                placement.weights().stream()
                        .filter(placed -> placed.weight().name().equals("blk.2.ffn_up_exps.weight"))
                        .map(placed -> placed.shards().getFirst().decision().toString())
                        .findFirst()
                        .orElseThrow());
    }

    @Test
    void uniformTakesAsManyOfEachLayer() {
        assertEquals(
                List.of("2.0", "2.1", "3.0", "3.1", "4.0", "5.0"),
                moved(place(hot("uniform", 600), NOBODY)));
    }

    @Test
    void whatHasNoEffectIsTold() {
        warned("hot.memory has room for 99 bytes, but an expert has 100", hot("first", 99));
        warned("matches no experts that are elsewhere than on cpu", "device = cpu, memory = 1MB");
        String attention = " } }, { match { role = attention }, hot { device = cpu, memory = 1MB";
        Placement placement = place(hot("uniform", 600) + attention, NOBODY);
        assertEquals(6, moved(placement).size());
        assertEquals(1, placement.warnings().size(), placement.warnings().toString());
        assertTrue(placement.warnings().getFirst().startsWith("rule 2 (role=attention"));
    }

    private static void warned(String part, String hot) {
        Placement placement = place(hot, NOBODY);
        assertEquals(List.of(), moved(placement));
        assertEquals(1, placement.warnings().size(), placement.warnings().toString());
        assertTrue(placement.warnings().getFirst().contains(part), placement.warnings().toString());
    }

    @Test
    void frequencyTakesWhatIsUsedMost() {
        ExpertUse use = (layer, expert) -> layer == 4 ? expert / 10.0 : expert == 3 ? 0.65 : 0.01;
        assertEquals(
                List.of("2.3", "3.3", "4.7"),
                moved(place(hot("frequency", 399) + ", profile = counted", use)));
        PlacementException none =
                assertThrows(PlacementException.class, () -> place(hot("frequency", 399), NOBODY));
        assertTrue(
                String.valueOf(none.getMessage()).contains("record one with juggler profile"),
                none.getMessage());
    }

    @Test
    void whatIsMovedIsPinnedTheSame() {
        Placement placement = place(hot("uniform", 700), NOBODY);
        Placement again =
                PlacementRules.parse(
                                ConfigFactory.parseString(placement.hocon()).getConfig("placement"))
                        .resolve(TinyModel.mixture(), HARDWARE.names());
        assertEquals(moved(placement), moved(again));
    }

    @Test
    void lruGivesEachLayerTheSamePlaces() {
        Placement placement = place(hot("lru", 950) + ", moves = 3", NOBODY);
        assertEquals(List.of(), moved(placement), "all stay where they are");
        assertEquals(
                List.of("2: 3", "3: 2", "4: 2", "5: 2"),
                placement.liveExperts().stream()
                        .map(live -> live.layer() + ": " + live.places())
                        .toList());
        LiveExperts first = placement.liveExperts().getFirst();
        assertEquals(List.of(0, 1, 2), first.first());
        assertEquals(300, first.bytes());
        assertEquals(3, first.moves());
        assertTrue(placement.devices().contains("cuda:0"));
        PlacementException little =
                assertThrows(PlacementException.class, () -> place(hot("lru", 99), NOBODY));
        assertTrue(
                String.valueOf(little.getMessage()).contains("an expert has 100"),
                little.getMessage());
    }

    @Test
    void lruBeginsWithWhatIsUsedMost() {
        ExpertUse use = (layer, expert) -> expert == 6 ? 0.9 : expert == layer ? 0.5 : 0.1;
        Placement placement = place(hot("lru", 800) + ", profile = counted", use);
        assertEquals(
                List.of(List.of(6, 2), List.of(6, 3), List.of(6, 4), List.of(6, 5)),
                placement.liveExperts().stream().map(LiveExperts::first).toList());
        Plan plan = Plan.of(placement, workload(), HARDWARE, use);
        Plan.Ledger cuda = plan.devices().get(1);
        assertEquals(800, cuda.weights());
        // what a token reads there: of four layers 0.9 + 0.5 experts of 100 bytes
        assertEquals(4 * 140, cuda.bytesPerToken());
        Plan.Row row =
                plan.rows().stream()
                        .filter(found -> found.device().equals("cuda:0"))
                        .findFirst()
                        .orElseThrow();
        assertEquals("2-5", row.layers());
        assertEquals("2 at a time", row.experts());
        assertEquals(800, row.bytes());
    }

    @Test
    void placesArePinnedTheSame() {
        Placement placement = place(hot("lru", 950), NOBODY);
        Placement again =
                PlacementRules.parse(
                                ConfigFactory.parseString(placement.hocon()).getConfig("placement"))
                        .resolve(TinyModel.mixture(), HARDWARE.names());
        assertEquals(
                placement.liveExperts().stream().map(LiveExperts::places).toList(),
                again.liveExperts().stream().map(LiveExperts::places).toList(),
                placement.hocon());
        assertEquals(moved(placement), moved(again));
    }

    @Test
    void profilesAreWrittenAndReadAgain(@TempDir Path folder) throws Exception {
        RoutingProfile profile = new RoutingProfile();
        for (int layer = 1; layer < TinyModel.LAYERS; layer++) {
            profile.add(layer, TinyModel.EXPERTS, 4, new int[] {7, 1, 7, 2, 7, 3, -1, 7});
        }
        Path file = folder.resolve("tiny.experts");
        profile.write(file, "tiny");
        RoutingProfile read = RoutingProfile.read(file, TinyModel.mixture());
        assertEquals(1.0, read.share(3, 7));
        assertEquals(0.25, read.share(3, 2));
        assertEquals(0, read.share(3, 0));
        assertEquals(4, read.tokens());
        assertEquals(5, read.layers());
        assertEquals(4 / 7.0, read.concentration(1 / 8.0), 1e-9);
        Files.writeString(file, "# a comment\nlayer 1 tokens 2 counts 1 2 3\n");
        refused(file, "line 2: \"layer 1 tokens 2 counts 1 2 3\" is not");
        Files.writeString(file, "layer 1 tokens 2 counts 1 2\n");
        refused(file, "is of another model: layer 1 has 8 experts, not 2");
        refused(folder.resolve("none"), "none cannot be read");
    }

    private static void refused(Path file, String part) {
        String message =
                String.valueOf(
                        assertThrows(
                                        PlacementException.class,
                                        () -> RoutingProfile.read(file, TinyModel.mixture()))
                                .getMessage());
        assertTrue(message.contains(part), message);
    }
}
