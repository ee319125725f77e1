package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.placement.PlacementRule.HotExperts;
import dev.juggler.engine.placement.PlacementRule.PrefillDevice;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rules as people write them: what is understood, what is refused, what is decided. */
class PlacementRulesTest {
    private static final List<String> DEVICES = List.of("cuda:0", "cpu", "reference");

    private static PlacementRules parse(String hocon) {
        return PlacementRules.parse(ConfigFactory.parseString(hocon));
    }

    private static Placement resolve(String hocon) {
        return parse(hocon).resolve(TinyModel.mixture(), DEVICES);
    }

    private static void assertRefused(String hocon, String... parts) {
        String message =
                String.valueOf(
                        assertThrows(PlacementException.class, () -> resolve(hocon)).getMessage());
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
    }

    @Test
    void readsTheExampleOfTheDesign() {
        PlacementRules rules =
                parse(
                        """
                        rules = [
                          { match { role = experts, layers = "3-60" }, device = cpu,
                            hot { device = "cuda:0", memory = 6GiB, choose = frequency, profile = v3.experts }
                            prefill { device = "cuda:0", when-rows = 2048 } }
                          { match { role = embed }, device = cpu }
                          { match { tensor = \"""blk\\.\\d+\\.attn_kv_b\\.weight\""" }, device = "cuda:0", kernel = fast, required = true }
                        ]
                        default = "cuda:0"
                        """);
        assertEquals("cuda:0", rules.defaultDevice());
        PlacementRule first = rules.rules().getFirst();
        assertEquals(new HotExperts("cuda:0", 6L << 30, "frequency", "v3.experts", 2), first.hot());
        assertEquals(new PrefillDevice("cuda:0", 2048, null), first.prefill());
        assertEquals("role=experts layers=3-60", first.match().toString());
        assertTrue(first.toString().startsWith("rule 1 (role=experts layers=3-60; String: 2"));
        PlacementRule last = rules.rules().getLast();
        assertEquals("fast", last.kernel());
        assertTrue(last.required());
        assertNull(last.hot());
    }

    @Test
    void withoutRulesEverythingIsOnTheBestDevice() {
        Placement placement = resolve("");
        assertEquals(Set.of("cuda:0"), placement.devices());
        assertEquals(TinyModel.mixture().size(), placement.weights().size());
        assertEquals(List.of(), placement.warnings());
        assertEquals(
                "default",
                placement.weights().getFirst().shards().getFirst().decision().toString());
    }

    @Test
    void theFirstRuleThatSpeaksOfAPropertyDecidesIt() {
        Placement placement =
                resolve(
                        """
                        rules = [
                          { match { role = experts, layers = moe }, kernel = wide }
                          { match { tensor = "blk.2.*" }, device = reference, kernel = plain }
                          { match { role = [experts, "router, norm"] }, device = cpu }
                        ]
                        """);
        PlacedWeight.Shard experts = only(placement, "blk.2.ffn_up_exps.weight", Role.EXPERTS);
        assertEquals("reference", experts.device());
        assertEquals("wide", experts.kernel());
        assertEquals("rule 2: tensor=blk.2.*", experts.decision().toString());
        assertEquals("plain", only(placement, "blk.2.attn_q.weight", Role.ATTENTION).kernel());
        assertEquals("cpu", only(placement, "blk.1.ffn_up_exps.weight", Role.EXPERTS).device());
        assertEquals("cpu", only(placement, "output_norm.weight", Role.NORM).device());
        assertEquals("cuda:0", only(placement, "output.weight", Role.HEAD).device());
        assertEquals(2, placement.warnings().size());
        assertTrue(
                placement
                        .warnings()
                        .getLast()
                        .endsWith(
                                "kernel = plain has no effect yet, devices choose their kernels"));
        assertEquals("reference", placement.cacheDevice(2));
        assertEquals("cuda:0", placement.cacheDevice(1));
    }

    private static PlacedWeight find(Placement placement, String name, Role role) {
        return placement.weights().stream()
                .filter(placed -> placed.weight().name().equals(name))
                .filter(placed -> placed.weight().role() == role)
                .findFirst()
                .orElseThrow();
    }

    private static PlacedWeight.Shard only(Placement placement, String name, Role role) {
        PlacedWeight placed = find(placement, name, role);
        assertEquals(1, placed.shards().size());
        return placed.shards().getFirst();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0-2        | 0 1 2",
                "3          | 3",
                "0,2, 3     | 0 2 3",
                "last:2     | 4 5",
                "last:99    | 0 1 2 3 4 5",
                "first:1    | 0",
                "odd        | 1 3 5",
                "even       | 0 2 4",
                "moe        | 1 2 3 4 5",
                "dense      | 0",
                "all        | 0 1 2 3 4 5",
                "dense,last:1,2-3 | 0 2 3 5"
            })
    void layerSets(String layers, String expected) {
        Placement placement =
                resolve("rules = [{ match { layers = \"%s\" }, device = cpu }]".formatted(layers));
        Set<String> expectedLayers = Set.of(expected.split(" ", -1));
        for (PlacedWeight placed : placement.weights()) {
            assertEquals(
                    expectedLayers.contains(String.valueOf(placed.weight().layer()))
                            ? "cpu"
                            : "cuda:0",
                    placed.device(),
                    placed.toString());
        }
    }

    @Test
    void expertsAreSplitById() {
        Placement placement =
                resolve(
                        """
                        rules = [
                          { match { experts = "0-2", layers = 1 }, device = cpu }
                          { match { role = experts, experts = "last:2, 4" }, device = reference }
                        ]
                        """);
        PlacedWeight stack = find(placement, "blk.1.ffn_up_exps.weight", Role.EXPERTS);
        assertEquals(
                List.of(
                        "0+3 cpu 300",
                        "3+1 cuda:0 100",
                        "4+1 reference 100",
                        "5+1 cuda:0 100",
                        "6+2 reference 200"),
                stack.shards().stream()
                        .map(shard ->
                                "%d+%d %s %d"
                                        .formatted(
                                                shard.firstExpert(),
                                                shard.experts(),
                                                shard.device(),
                                                shard.bytes()))
                        .toList());
        assertTrue(stack.isSplit());
        assertThrows(IllegalStateException.class, stack::device);
        assertEquals("cpu", placement.device(stack.weight(), 2));
        assertEquals("cuda:0", placement.device(stack.weight(), 3));
        assertEquals("reference", placement.device(stack.weight(), 7));
        assertThrows(IllegalArgumentException.class, () -> placement.device(stack.weight(), 8));
        assertEquals("cuda:0", find(placement, "blk.1.ffn_gate_inp.weight", Role.ROUTER).device());
    }

    @Test
    void warnsOfRulesThatDoNothing() {
        Placement placement =
                resolve(
                        """
                        rules = [
                          { match { layers = "60-70" }, device = cpu }
                          { match { role = norm }, device = cpu }
                          { match { role = norm, layers = 1 }, device = reference }
                          { match { experts = "100" }, device = cpu }
                        ]
                        """);
        assertEquals(3, placement.warnings().size());
        assertTrue(placement.warnings().get(0).startsWith("rule 1 (layers=60-70; String: 2"));
        assertTrue(placement.warnings().get(0).contains("matches nothing: the model has 6 layers"));
        assertTrue(placement.warnings().get(1).contains("rule 3"));
        assertTrue(placement.warnings().get(1).contains("decides nothing"));
        assertTrue(placement.warnings().get(2).contains("rule 4 (experts=100"));
        assertRefused(
                "rules = [{ match { role = shared_expert }, device = cpu, required = true }]",
                "rule 1 (role=shared_expert; String: 1) matches nothing",
                "roles embed, attention, router, experts, ffn, norm, head");
    }

    @Test
    void refusesUnknownNames() {
        assertRefused("rulez = []", "String: 1: unknown key placement.rulez; did you mean rules?");
        assertRefused(
                "rules = [\n{ match { role = ffn }, devise = cpu }]",
                "String: 2: unknown key placement.rules[0].devise; did you mean device?");
        assertRefused(
                "rules = [{ match { layer = 1 }, device = cpu }]",
                "unknown key placement.rules[0].match.layer; did you mean layers?");
        assertRefused(
                "rules = [{ device = cpu, hot { gpu = 1 } }]",
                "placement.rules[0].hot.gpu; known are choose, device, memory, moves, profile");
        assertRefused(
                "rules = [{ match { role = expert }, device = cpu }]",
                "placement.rules[0].match.role is expert, it must be a role; did you mean experts?");
        assertRefused(
                "rules = [{ match { role = ffn }, device = \"cuda:1\" }]",
                "rule 1 (role=ffn; String: 1): there is no device cuda:1; known are auto, cuda:0, cpu, reference");
        assertRefused(
                "default = npu",
                "placement.default: there is no device npu; known are auto, cuda:0, cpu");
    }

    @Test
    void refusesValuesThatMakeNoSense() {
        assertRefused("rules = 3", "placement.rules is 3, it must be a list");
        assertRefused("rules = [3]", "it must be a list of blocks");
        assertRefused("rules = [{ match { role = ffn } }]", "placement.rules[0] says nothing");
        assertRefused(
                "rules = [{ match = all, device = cpu }]", "match is all, it must be a block");
        assertRefused("rules = [{ match { layers = \"5-2\" }, device = cpu }]", "\"5-2\" is none");
        assertRefused("rules = [{ match { layers = \"last:0\" }, device = cpu }]", "is none of");
        assertRefused("rules = [{ match { experts = moe }, device = cpu }]", "experts is moe");
        assertRefused("rules = [{ match { layers = \"\" }, device = cpu }]", "not empty");
        assertRefused("rules = [{ match { layers = {} }, device = cpu }]", "a text or a list");
        assertRefused("rules = [{ match { tensor = \"a(\" }, device = cpu }]", "a regular express");
        assertRefused("rules = [{ device = cpu, required = maybe }]", "it must be true or false");
        assertRefused("rules = [{ hot { memory = 1GiB } }]", "hot.device is missing");
        assertRefused("rules = [{ hot { device = cpu } }]", "hot.memory is missing");
        assertRefused("rules = [{ hot { device = cpu, memory = much } }]", "it must be a size");
        assertRefused(
                "rules = [{ hot { device = cpu, memory = 1, choose = luck } }]",
                "one of first, frequency, uniform, lfu, lru");
        assertRefused("rules = [{ prefill { device = cpu, when-rows = 0 } }]", "at least 1");
    }

    @Test
    void refusesWhatIsNotThereYet() {
        assertRefused(
                "rules = [{ match { role = experts }, hot { device = cpu, memory = 1GiB } }]",
                "rule 1 (role=experts; String: 1): hot.choose = frequency needs a profile");
        assertRefused(
                "rules = [{ match { role = experts }, hot { device = npu, memory = 1GiB } }]",
                "rule 1 (role=experts; String: 1), hot: there is no device npu");
        assertRefused("rules = [{ prefill { device = npu } }]", "prefill: there is no device npu");
    }
}
