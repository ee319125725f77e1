package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.MemoryInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What {@code default = auto} does with a model of six layers, worked out by hand. */
class AutoPlacementTest {
    private static final long BUFFERS = 500;

    /** A layer's cache: 64 positions of 4 + 4 elements in two bytes. */
    private static final long CACHE = 64 * 8 * 2;

    /** Of a layer with experts what every token reads: norm, attention, router. */
    private static final long CORE = 40 + TinyModel.ATTENTION_BYTES + 320 + CACHE;

    private static final long DENSE = 40 + TinyModel.ATTENTION_BYTES + 600 + CACHE;
    private static final long HEAD = TinyModel.EMBED_BYTES + 40;
    private static final long ALL_CORES = DENSE + 5 * CORE + HEAD;
    private static final long ALL = ALL_CORES + 5 * TinyModel.STACK_BYTES;

    private static Workload workload() {
        List<KvLayerShape> layers = new ArrayList<>();
        for (int layer = 0; layer < TinyModel.LAYERS; layer++) {
            layers.add(new KvLayerShape(4, 4, 0));
        }
        return Workload.of(layers, DType.F16, 64, 1, new StepShape(8, 16, 2, BUFFERS));
    }

    /**
     * A device on which exactly {@code room} bytes have room, beside buffers and what stays free.
     */
    private static DeviceBudget gpu(String name, long room, double speed) {
        long bytes = room + BUFFERS;
        bytes += bytes / 31;
        while (bytes - bytes / 32 - BUFFERS < room) {
            bytes++;
        }
        while (bytes - bytes / 32 - BUFFERS > room) {
            bytes--;
        }
        assertEquals(room, bytes - bytes / 32 - BUFFERS, "room cannot be had exactly");
        return new DeviceBudget(name, false, new MemoryInfo(bytes, bytes), speed);
    }

    private static DeviceBudget gpu(String name, long room) {
        return gpu(name, room, 1e9);
    }

    private static Hardware machine(DeviceBudget... fast) {
        List<DeviceBudget> devices = new ArrayList<>(List.of(fast));
        devices.add(new DeviceBudget("cpu", true, new MemoryInfo(1 << 20, 1 << 20), 1e8));
        return new Hardware(devices, 1e9);
    }

    private static Placement place(String hocon, @Nullable ExpertUse use, Hardware hardware) {
        String profiled = use == null ? hocon : hocon + "\nprofile = counted";
        return PlacementRules.parse(ConfigFactory.parseString(profiled))
                .resolve(TinyModel.mixture(), hardware, workload(), name -> profile(use));
    }

    private static ExpertUse profile(@Nullable ExpertUse use) {
        if (use == null) {
            throw new AssertionError("nobody asked for a profile");
        }
        return use;
    }

    /** Where each part is: role, layer and experts to device. */
    private static Map<String, String> parts(Placement placement) {
        Map<String, String> parts = new TreeMap<>();
        for (PlacedWeight placed : placement.weights()) {
            for (PlacedWeight.Shard shard : placed.shards()) {
                String experts =
                        shard.experts() == placed.weight().experts()
                                ? ""
                                : " %d+%d".formatted(shard.firstExpert(), shard.experts());
                parts.put(
                        "%s %d%s"
                                .formatted(
                                        placed.weight().role(), placed.weight().layer(), experts),
                        shard.device());
            }
        }
        return parts;
    }

    private static long bytesOn(Placement placement, String device) {
        long bytes = 0;
        for (PlacedWeight placed : placement.weights()) {
            for (PlacedWeight.Shard shard : placed.shards()) {
                bytes += shard.device().equals(device) ? shard.bytes() : 0;
            }
        }
        for (int layer = 0; layer < TinyModel.LAYERS; layer++) {
            bytes += placement.cacheDevice(layer).equals(device) ? CACHE : 0;
        }
        return bytes;
    }

    private static String reason(Placement placement, String name) {
        return placement.weights().stream()
                .filter(placed -> placed.weight().name().equals(name))
                .map(placed -> placed.shards().getFirst().decision().toString())
                .findFirst()
                .orElseThrow();
    }

    @Test
    void allFitsOneDevice() {
        Placement placement = place("", null, machine(gpu("cuda:0", ALL + TinyModel.EMBED_BYTES)));
        assertEquals(1, placement.devices().size());
        assertEquals(ALL + TinyModel.EMBED_BYTES, bytesOn(placement, "cuda:0"));
        assertEquals(AutoPlacer.ALL_FITS, reason(placement, "blk.1.ffn_up_exps.weight"));
    }

    @Test
    void embeddingsStayInMainMemoryWhereTheyHaveNoRoom() {
        Placement placement =
                place("", null, machine(gpu("cuda:0", ALL + TinyModel.EMBED_BYTES - 1)));
        assertEquals("cpu", parts(placement).get("embed -1"));
        assertEquals(ALL, bytesOn(placement, "cuda:0"));
        assertEquals(AutoPlacer.EMBEDDING, reason(placement, "token_embd.weight"));
    }

    @Test
    void whatEveryTokenReadsComesBeforeExperts() {
        Placement placement = place("", null, machine(gpu("cuda:0", ALL_CORES + 800 + 250)));
        Map<String, String> parts = parts(placement);
        assertEquals("cuda:0", parts.get("experts 1"));
        assertEquals("cuda:0", parts.get("experts 2 0+2"), parts.toString());
        assertEquals("cpu", parts.get("experts 2 2+6"));
        for (int layer = 3; layer < 6; layer++) {
            assertEquals("cpu", parts.get("experts " + layer));
            assertEquals("cuda:0", parts.get("router " + layer));
            assertEquals("cuda:0", placement.cacheDevice(layer));
        }
        assertEquals("cuda:0", parts.get("head -1"));
        assertEquals("cpu", parts.get("embed -1"));
        assertEquals(ALL_CORES + 1000, bytesOn(placement, "cuda:0"));
        assertEquals(AutoPlacer.EVERY_TOKEN, reason(placement, "blk.3.attn_q.weight"));
        assertEquals(AutoPlacer.NO_ROOM, reason(placement, "blk.4.ffn_up_exps.weight"));
    }

    @Test
    void hottestExpertsFirstWhereTheirUseIsKnown() {
        // experts 7 and 6 of layer 5, then 5 of layer 4: all others are used less
        ExpertUse use =
                (layer, expert) ->
                        layer == 5 ? expert / 8.0 : layer == 4 && expert == 5 ? 0.7 : 0.1;
        Placement placement = place("", use, machine(gpu("cuda:0", ALL_CORES + 350)));
        Map<String, String> parts = parts(placement);
        assertEquals("cuda:0", parts.get("experts 5 6+2"), parts.toString());
        assertEquals("cuda:0", parts.get("experts 4 5+1"));
        assertEquals(ALL_CORES + 300, bytesOn(placement, "cuda:0"));
        assertTrue(
                placement
                        .of(weight(5))
                        .shards()
                        .getLast()
                        .decision()
                        .text()
                        .equals(AutoPlacer.HOTTEST));
    }

    private static WeightDescriptor weight(int layer) {
        return TinyModel.mixture().stream()
                .filter(weight ->
                        weight.name().equals("blk.%d.ffn_up_exps.weight".formatted(layer)))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void theLastLayersAndTheHeadWhereNotAllLayersHaveRoom() {
        Placement placement = place("", null, machine(gpu("cuda:0", HEAD + 2 * CORE)));
        Map<String, String> parts = parts(placement);
        for (int layer = 0; layer < 6; layer++) {
            String expected = layer < 4 ? "cpu" : "cuda:0";
            assertEquals(expected, parts.get("attention " + layer));
            assertEquals(expected, placement.cacheDevice(layer));
        }
        assertEquals("cuda:0", parts.get("head -1"));
        assertEquals("cpu", parts.get("experts 5"));
        assertEquals(HEAD + 2 * CORE, bytesOn(placement, "cuda:0"));
    }

    @Test
    void likeDevicesGetLikeShares() {
        Placement placement = place("", null, machine(gpu("cuda:0", ALL), gpu("cuda:1", ALL)));
        long first = bytesOn(placement, "cuda:0");
        long second = bytesOn(placement, "cuda:1");
        assertTrue(Math.abs(first - TinyModel.EMBED_BYTES - second) < HEAD, first + " " + second);
        assertEquals(ALL + TinyModel.EMBED_BYTES, first + second);
        // runs of layers: the device changes once
        long changes = 0;
        for (int layer = 1; layer < 6; layer++) {
            changes +=
                    placement.cacheDevice(layer).equals(placement.cacheDevice(layer - 1)) ? 0 : 1;
        }
        assertEquals(1, changes);
    }

    @Test
    void aSlowerDeviceIsUsedWhenTheFasterIsFull() {
        Hardware roomy = machine(gpu("slow", ALL, 2e8), gpu("fast", ALL + 4000, 1e9));
        assertEquals(List.of("fast"), List.copyOf(place("", null, roomy).devices()));
        Hardware tight = machine(gpu("slow", 500, 2e8), gpu("fast", ALL_CORES, 1e9));
        Placement placement = place("", null, tight);
        assertEquals(ALL_CORES, bytesOn(placement, "fast"));
        assertEquals(500, bytesOn(placement, "slow"));
        assertEquals("slow", parts(placement).get("experts 1 0+5"));
    }

    /** Not in turn, expert by expert: then rows of each layer would travel to both. */
    @Test
    void whatHasNoRoomBesideItsLayersGoesToTheOthersLayerByLayer() {
        long layers = 2 * TinyModel.STACK_BYTES;
        Hardware hardware =
                machine(
                        gpu("fast", ALL_CORES, 1e9),
                        gpu("slow", layers, 3e8),
                        gpu("slower", layers, 2e8));
        Map<String, String> parts = parts(place("", null, hardware));
        assertEquals("slow", parts.get("experts 1"), parts.toString());
        assertEquals("slower", parts.get("experts 2"));
        assertEquals("slow", parts.get("experts 3"));
        assertEquals("slower", parts.get("experts 4"));
        assertEquals("cpu", parts.get("experts 5"));
    }

    @Test
    void aDeviceThatIsNoFasterThanMainMemoryIsLeftOut() {
        Placement placement = place("", null, machine(gpu("cuda:0", ALL, 1e8)));
        assertEquals(List.of("cpu"), List.copyOf(placement.devices()));
        assertEquals(
                List.of("auto leaves out cuda:0: it reads no faster than main memory is read"),
                placement.warnings());
    }

    /** Better slow than not at all. */
    @Test
    void aSlowDeviceIsFilledTooWhereThereIsNotRoomEnough() {
        long little = 4 * TinyModel.STACK_BYTES + 2 * BUFFERS + 2 * TinyModel.EMBED_BYTES;
        DeviceBudget cpu = new DeviceBudget("cpu", true, new MemoryInfo(little, little), 1e9);
        Hardware hardware = new Hardware(List.of(gpu("cuda:0", ALL_CORES, 5e8), cpu), 1e9);
        Placement placement = place("", null, hardware);
        assertEquals(ALL_CORES, bytesOn(placement, "cuda:0"));
        assertEquals(
                List.of(
                        "auto fills cuda:0 too, for want of room: it reads no faster than main memory is read"),
                placement.warnings());
        Placement ruled =
                place("rules = [{ match { role = head }, device = cpu }]", null, hardware);
        assertEquals("cpu", parts(ruled).get("head -1"));
    }

    @Test
    void onlyTheProcessorIsThere() {
        Placement placement = place("", null, machine());
        assertEquals(List.of("cpu"), List.copyOf(placement.devices()));
        assertEquals("default", reason(placement, "output.weight"));
    }

    @Test
    void whereTheProcessorIsPreferredNothingElseIsUsed() {
        List<DeviceBudget> devices = new ArrayList<>(machine(gpu("cuda:0", ALL)).devices());
        Placement placement = place("", null, new Hardware(devices.reversed(), 1e9));
        assertEquals(List.of("cpu"), List.copyOf(placement.devices()));
    }

    @Test
    void rulesComeFirstAndTakeTheirRoom() {
        String rules =
                """
                rules = [
                  { match { role = experts, layers = "5" }, device = "cuda:0" }
                  { match { role = experts, layers = "4", experts = "0-3" }, device = cpu }
                  { match { role = head }, device = auto }
                ]
                """;
        Placement placement = place(rules, null, machine(gpu("cuda:0", ALL_CORES + 800 + 850)));
        Map<String, String> parts = parts(placement);
        assertEquals("cuda:0", parts.get("experts 5"));
        assertEquals("cuda:0", parts.get("experts 1"));
        assertEquals("cpu", parts.get("experts 2"));
        assertEquals("cpu", parts.get("experts 4 0+4"));
        assertEquals(ALL_CORES + 1600, bytesOn(placement, "cuda:0"));
        assertEquals(
                "rule 3: role=head; " + AutoPlacer.EVERY_TOKEN, reason(placement, "output.weight"));
    }

    @Test
    void aRuleMayLeaveSomeToAutoUnderAnotherDefault() {
        Placement placement =
                place(
                        "rules = [{ match { role = [experts, embed] }, device = cpu }\n"
                                + "{ match { role = attention }, device = auto }], default = cpu",
                        null,
                        machine(gpu("cuda:0", 3 * (1000 + CACHE))));
        for (int layer = 0; layer < 6; layer++) {
            assertEquals(layer < 3 ? "cpu" : "cuda:0", placement.cacheDevice(layer));
        }
        assertEquals("cpu", parts(placement).get("head -1"));
    }

    @Test
    void neverMoreThanThereIsRoomAndPinnedTheSame() {
        SplittableRandom random = new SplittableRandom(11);
        int spread = 0;
        for (int i = 0; i < 400; i++) {
            List<DeviceBudget> fast = new ArrayList<>();
            for (int g = random.nextInt(4); g > 0; g--) {
                long bytes = 600 + random.nextLong(ALL);
                MemoryInfo memory = new MemoryInfo(bytes, bytes);
                fast.add(
                        new DeviceBudget(
                                "cuda:" + fast.size(),
                                false,
                                memory,
                                1e8 * (2 + random.nextInt(9))));
            }
            Hardware hardware = machine(fast.toArray(DeviceBudget[]::new));
            double[] shares = random.doubles(TinyModel.LAYERS * TinyModel.EXPERTS).toArray();
            ExpertUse use =
                    random.nextBoolean()
                            ? null
                            : (layer, expert) -> shares[layer * TinyModel.EXPERTS + expert];
            String rules = rules(random, hardware);
            Placement placement = place(rules, use, hardware);
            for (DeviceBudget device : fast) {
                long ruled = ruledBytes(rules, hardware, device.device());
                long free = device.memory().free() - BUFFERS - device.memory().free() / 32;
                assertTrue(
                        bytesOn(placement, device.device()) <= Math.max(ruled, free),
                        device + rules);
            }
            spread += placement.devices().size() > 2 ? 1 : 0;
            assertPinned(placement, hardware);
        }
        System.out.printf("auto placements: 400, of them %d on more than two devices%n", spread);
        assertTrue(spread > 100);
    }

    private static String rules(SplittableRandom random, Hardware hardware) {
        StringBuilder rules = new StringBuilder("rules = [");
        for (int count = random.nextInt(3); count > 0; count--) {
            int first = random.nextInt(6);
            String experts =
                    random.nextBoolean() ? "" : ", experts = \"%d-7\"".formatted(random.nextInt(8));
            String role =
                    !experts.isEmpty() || random.nextBoolean()
                            ? "role = experts, layers = \"%d-5\"%s".formatted(first, experts)
                            : random.nextBoolean()
                                    ? "layers = \"0-%d\"".formatted(first)
                                    : "tensor = \".*(attn_q|output_norm).*\"";
            String device = hardware.names().get(random.nextInt(hardware.names().size()));
            rules.append("{ match { %s }, device = \"%s\" }\n".formatted(role, device));
        }
        return rules.append("]").toString();
    }

    private static long ruledBytes(String rules, Hardware hardware, String device) {
        return bytesOn(place(rules + ", default = cpu", null, hardware), device);
    }

    /** The rules that a placement prints give it again, with nothing to warn of. */
    private static void assertPinned(Placement placement, Hardware hardware) {
        String pinned = placement.hocon();
        Placement again =
                PlacementRules.parse(ConfigFactory.parseString(pinned).getConfig("placement"))
                        .resolve(TinyModel.mixture(), hardware, workload(), name -> profile(null));
        assertEquals(List.of(), again.warnings(), pinned);
        for (PlacedWeight placed : placement.weights()) {
            for (int e = 0; e < Math.max(1, placed.weight().experts()); e++) {
                assertEquals(
                        placement.device(placed.weight(), e),
                        again.device(placed.weight(), e),
                        placed.weight().name() + pinned);
            }
        }
        assertEquals(
                placement.weights().stream()
                        .map(PlacedWeight::weight)
                        .sorted(Comparator.comparing(WeightDescriptor::name))
                        .toList()
                        .size(),
                again.weights().size());
    }
}
