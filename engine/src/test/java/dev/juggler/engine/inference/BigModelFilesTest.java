package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import dev.juggler.engine.golden.SynthesizedModel;
import dev.juggler.engine.placement.AssumedHardware;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.engine.placement.Plan;
import dev.juggler.engine.placement.Plan.Ledger;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Plans of files as large as the models are in truth (headers in front of a hole): the table of
 * docs/placement.md, what pins a plan, what would make it fit, and odd machines.
 */
class BigModelFilesTest {
    private static final Path PAGE = Path.of("../docs/placement.md");
    private static final String CARD = "24GiB@1008GB/s";
    private static final Map<String, String> MACHINES = new LinkedHashMap<>();

    static {
        MACHINES.put("1x24", "cuda:0=" + CARD);
        MACHINES.put("2x24", "cuda:0=" + CARD + ",cuda:1=" + CARD);
        MACHINES.put("1x80", "cuda:0=80GiB@3350GB/s");
    }

    @TempDir static Path folder;

    /** Arguments of the generator by the name that the table has. */
    private static Map<String, String> models() {
        Map<String, String> models = new LinkedHashMap<>();
        String qwen = " --vocab-from tokenizers/qwen3.gguf --vocab 151936";
        models.put(
                "DeepSeek-V3 671B",
                "--preset deepseek-v3 --vocab-from tokenizers/deepseek-v3.gguf --vocab 129280");
        models.put(
                "Qwen3-235B-A22B",
                "--preset qwen3-30b-a3b --hidden 4096 --layers 94 --heads 64 --ffn 12288 --expert-ffn 1536"
                        + qwen);
        models.put(
                "GLM-4.5-Air 106B",
                "--preset glm-4.5-air --vocab-from tokenizers/qwen3.gguf --vocab 151552");
        models.put(
                "Mixtral 8x7B",
                "--preset mixtral-8x7b --vocab-from tokenizers/llama-spm.gguf --vocab 32000");
        models.put("Qwen3-30B-A3B", "--preset qwen3-30b-a3b" + qwen);
        return models;
    }

    private static Path file(String model) {
        Path file = folder.resolve(model.replace(' ', '-') + ".gguf");
        String arguments = models().getOrDefault(model, "");
        return Files.exists(file)
                ? file
                : SynthesizedModel.make(arguments + " --type Q4_K_M --blocks --sparse", file);
    }

    private static ModelSettings settings(Path file, String more) {
        Config config =
                ConfigFactory.parseString(
                                "juggler.models.big { context = 32768, parallel = 1 }\njuggler.models.big { "
                                        + more
                                        + " }")
                        .withValue(
                                "juggler.models.big.path",
                                ConfigValueFactory.fromAnyRef(file.toString()));
        return ModelSettings.all(config).getFirst();
    }

    private static Plan plan(String model, String machine, String more) {
        try (ModelFile file =
                ModelFile.openForPlan(
                        settings(file(model), more), AssumedHardware.parse(machine))) {
            return file.plan();
        }
    }

    private static String whole(String cards) {
        return cards + ",pcie=25GB/s,cpu=512GiB@80GB/s";
    }

    private static String gib(long bytes) {
        return bytes == 0 ? "0" : String.format(Locale.ROOT, "%.1f", bytes / 0x1p30);
    }

    private static List<String> row(Plan plan) {
        List<Ledger> cards =
                plan.devices().stream().filter(d -> d.device().startsWith("cuda")).toList();
        long cache = plan.devices().stream().mapToLong(Ledger::cache).sum();
        return List.of(
                cards.stream().map(card -> gib(card.weights())).collect(Collectors.joining(" + ")),
                gib(cache),
                gib(plan.devices().getLast().weights()),
                String.format(Locale.ROOT, "%.1f", plan.prediction().decodeTokensPerSecond()),
                plan.prediction().boundBy().split(" ", 2)[0],
                String.format(Locale.ROOT, "%.0f", plan.prediction().prefillTokensPerSecond()));
    }

    /** The rows of the page by model and machine. */
    private static Map<String, List<String>> page() throws IOException {
        Map<String, List<String>> rows = new LinkedHashMap<>();
        String model = "";
        for (String line : Files.readAllLines(PAGE)) {
            List<String> cells = new ArrayList<>(List.of(line.split("\\|", -1)));
            cells.replaceAll(String::strip);
            if (cells.size() == 10 && MACHINES.containsKey(cells.get(2))) {
                model = cells.get(1).isEmpty() ? model : cells.get(1);
                rows.put(model + ", " + cells.get(2), cells.subList(3, 9));
            }
        }
        return rows;
    }

    @Test
    void thePageSaysWhatIsPlanned() throws IOException {
        Map<String, List<String>> planned = new LinkedHashMap<>();
        for (String model : models().keySet()) {
            MACHINES.forEach((name, cards) -> {
                Plan plan = plan(model, whole(cards), "");
                assertTrue(plan.fits(), plan.verdict());
                planned.put(model + ", " + name, row(plan));
            });
        }
        Map<String, List<String>> page = page();
        planned.forEach((name, row) -> assertEquals(row, page.get(name), name));
        assertEquals(planned.size(), page.size());
        System.out.println("big models: " + planned.size() + " plans as on the page");
    }

    @Test
    void whatIsPinnedIsTheSamePlan() {
        List<String> rules =
                List.of(
                        "",
                        "placement.rules = [{ match { role = experts }, device = cpu, defer = 2, hot { device = \"cuda:0\", memory = 4GiB, choose = lru } }]",
                        "placement.rules = [{ match { role = experts }, prefill { device = \"cuda:0\" } }]");
        int cases = 0;
        for (String model : models().keySet()) {
            for (int number = 0; number < rules.size(); number++) {
                String cards = List.copyOf(MACHINES.values()).get(number);
                ModelSettings free = settings(file(model), rules.get(number));
                String machine = whole(cards);
                try (ModelFile first =
                        ModelFile.openForPlan(free, AssumedHardware.parse(machine))) {
                    PlacementRules pinned =
                            PlacementRules.parse(
                                    ConfigFactory.parseString(first.outline().placement().hocon())
                                            .getConfig("placement"));
                    try (ModelFile again =
                            ModelFile.openForPlan(
                                    free.withPlacement(pinned), AssumedHardware.parse(machine))) {
                        assertEquals(
                                first.plan().devices(),
                                again.plan().devices(),
                                model + ", " + cards);
                        assertEquals(
                                first.plan().prediction().decodeTokensPerSecond(),
                                again.plan().prediction().decodeTokensPerSecond(),
                                1e-9);
                        assertEquals(
                                first.plan().prediction().prefillTokensPerSecond(),
                                again.plan().prediction().prefillTokensPerSecond(),
                                1e-9);
                        cases++;
                    }
                }
            }
        }
        System.out.println("big models: " + cases + " plans pinned");
    }

    /** A machine that is too small, by how much it is, and what helps, which is tried. */
    @Test
    void whatDoesNotFitSaysWhatWould() {
        String small = "cuda:0=24GiB@1008GB/s,cpu=64GiB@80GB/s";
        Plan plan = plan("DeepSeek-V3 671B", small, "");
        assertFalse(plan.fits());
        long bytes = plan.devices().stream().mapToLong(Ledger::needed).sum();
        assertTrue(bytes > 376L << 30, plan.verdict());
        assertFalse(plan.remedies().isEmpty());
        Plan context = plan("Qwen3-30B-A3B", small, "context = 40000000");
        assertFalse(context.fits());
        String remedy = String.join("; ", context.remedies());
        assertTrue(remedy.contains("context"), remedy);
        int would = Integer.parseInt(remedy.replaceAll("(?s).*?context[^0-9]*(\\d+).*", "$1"));
        assertTrue(plan("Qwen3-30B-A3B", small, "context = " + would).fits(), remedy);
        assertFalse(plan("Qwen3-30B-A3B", small, "context = " + (would * 2)).fits(), remedy);
    }

    /** Each gives a plan with sums that are right, whatever the machine. */
    @Test
    void oddMachines() {
        List<String> machines =
                List.of(
                        "cuda:0=1MiB@1008GB/s,cpu=512GiB@80GB/s",
                        "cuda:0=300MiB@1008GB/s,cpu=512GiB@80GB/s",
                        "cuda:0=24GiB@10GB/s,cpu=512GiB@80GB/s",
                        "cuda:0=24GiB@1008GB/s,cpu=1B@1B/s",
                        "cuda:0=900GiB@1008GB/s,pcie=1B/s,cpu=512GiB@80GB/s",
                        "cpu=512GiB@80GB/s",
                        "cpu=512GiB@80GB/s,reference=512GiB@1GB/s",
                        String.join(
                                ",",
                                "cpu=512GiB@80GB/s",
                                "cuda:0=" + CARD,
                                "cuda:1=" + CARD,
                                "cuda:2=" + CARD,
                                "cuda:3=" + CARD,
                                "cuda:4=16GiB@600GB/s",
                                "cuda:5=16GiB@600GB/s",
                                "cuda:6=8GiB@300GB/s",
                                "cuda:7=8GiB@300GB/s"));
        int fitting = 0;
        for (String model : List.of("DeepSeek-V3 671B", "GLM-4.5-Air 106B", "Qwen3-30B-A3B")) {
            for (String machine : machines) {
                for (String numbers :
                        List.of("", "context = 2", "context = 2000000, parallel = 4")) {
                    Plan plan = plan(model, machine, numbers);
                    String what = model + ", " + machine + ", " + numbers + "\n" + plan.text();
                    long rows = plan.rows().stream().mapToLong(Plan.Row::bytes).sum();
                    long devices = plan.devices().stream().mapToLong(Ledger::needed).sum();
                    assertEquals(devices, rows, what);
                    for (Ledger device : plan.devices()) {
                        assertTrue(device.weights() >= 0 && device.cache() >= 0, what);
                        boolean card = device.device().startsWith("cuda");
                        // auto never fills a card with more than it has
                        assertTrue(!card || device.needed() <= device.available(), what);
                    }
                    double speed = plan.prediction().decodeTokensPerSecond();
                    assertTrue(speed > 0 && speed < 1e5, what);
                    assertEquals(!plan.fits(), !plan.remedies().isEmpty(), what);
                    fitting += plan.fits() ? 1 : 0;
                }
            }
        }
        assertTrue(fitting > machines.size(), fitting + " fit");
        System.out.println("odd machines: " + 9 * machines.size() + " plans, " + fitting + " fit");
    }
}
