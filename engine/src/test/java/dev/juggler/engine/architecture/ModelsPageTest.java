package dev.juggler.engine.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.device.ModelDescription;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The tables of docs/models.md say what the code says. {@code mvn test -Ddocs.update=true} writes
 * them anew; the text around them is written by hand.
 */
class ModelsPageTest {
    private static final Path PAGE = Path.of("../docs/models.md").toAbsolutePath().normalize();
    private static final int DRAWN = 40;

    /** Golden models of each family: their logits come from independent engines. */
    private static final Map<String, List<String>> GOLDEN =
            Map.of(
                    "deepseek2",
                    List.of("v2", "v2lite", "v3", "v3-groups", "v3-split"),
                    "glm4moe",
                    List.of("glm4moe", "glm4moe-noqknorm"),
                    "gpt-oss",
                    List.of("gpt-oss"),
                    "llama",
                    List.of("llama-dense", "llama-linear", "llama-ropefreqs", "mixtral"),
                    "olmoe",
                    List.of("olmoe"),
                    "qwen2",
                    List.of("qwen2"),
                    "qwen2moe",
                    List.of("qwen2moe"),
                    "qwen3",
                    List.of("qwen3"),
                    "qwen3moe",
                    List.of("qwen3moe", "qwen3moe-k", "qwen3moe-wide"));

    @Test
    void theTablesAreThoseOfTheCode() throws IOException {
        String page = Files.readString(PAGE);
        String made = replaced(page, "families", families());
        made = replaced(made, "types", types());
        made = replaced(made, "keys", keys());
        if (Boolean.getBoolean("docs.update")) {
            Files.writeString(PAGE, made);
            page = made;
        }
        assertEquals(
                made, page, "docs/models.md is stale: mvn test -Ddocs.update=true writes it anew");
    }

    @Test
    void theGoldenModelsAreAllNamed() throws IOException {
        Map<String, Set<String>> found = new TreeMap<>();
        List<Path> paths;
        try (Stream<Path> files = Files.list(GoldenData.require("models"))) {
            paths = files.filter(file -> file.toString().endsWith(".gguf")).toList();
        }
        for (Path path : paths) {
            try (GgufFile file = GgufFile.open(path)) {
                String name = String.valueOf(path.getFileName()).replaceFirst("\\..*", "");
                found.computeIfAbsent(file.architecture(), family -> new TreeSet<>())
                        .add(name.replaceFirst("^deepseek2-", ""));
            }
        }
        for (String family : Architectures.builtIn().names()) {
            List<String> named = GOLDEN.getOrDefault(family, List.of());
            assertEquals(List.copyOf(found.getOrDefault(family, Set.of())), named, family);
        }
    }

    private static String replaced(String page, String part, String table) {
        String begin = "<!-- generated: %s -->\n".formatted(part);
        String end = "<!-- end -->";
        int from = page.indexOf(begin);
        assertTrue(from >= 0, "docs/models.md has no line " + begin);
        int to = page.indexOf(end, from);
        return page.substring(0, from + begin.length()) + table + page.substring(to);
    }

    private static String families() {
        StringBuilder table =
                new StringBuilder(
                        """
                        | `general.architecture` | models | proven by | roles | keeps of a token | not supported, or left out |
                        |---|---|---|---|---|---|
                        """);
        Architectures.builtIn()
                .families()
                .forEach((name, family) ->
                        table.append(
                                "| `%s` | %s | golden %s; drawn shapes | %s | %s | %s |%n"
                                        .formatted(
                                                name,
                                                family.models(),
                                                String.join(
                                                        ", ", GOLDEN.getOrDefault(name, List.of())),
                                                roles(name),
                                                kept(name),
                                                family.limits())));
        return table.toString();
    }

    /** What drawn models of the family ask for. */
    private static String roles(String family) {
        Set<Role> roles = EnumSet.noneOf(Role.class);
        for (ModelDescription drawn : drawn(family)) {
            drawn.weights().stream().map(WeightDescriptor::role).forEach(roles::add);
        }
        return roles.stream().map(Role::toString).collect(Collectors.joining(", "));
    }

    private static String kept(String family) {
        Set<String> forms = new TreeSet<>();
        boolean windows = false;
        boolean both = false;
        for (ModelDescription drawn : drawn(family)) {
            List<KvLayerShape> layers = drawn.kvLayers();
            layers.forEach(layer ->
                    forms.add(layer.valueWidth() == 0 ? "a latent vector" : "keys and values"));
            windows |= layers.stream().anyMatch(layer -> layer.window() > 0);
            both |= layers.stream().mapToInt(KvLayerShape::window).distinct().count() > 1;
        }
        String form = String.join(" or ", forms);
        return windows
                ? form + (both ? "; in some layers for a window" : "; for a window if there is one")
                : form;
    }

    private static List<ModelDescription> drawn(String family) {
        List<ModelDescription> drawn = new ArrayList<>();
        for (int seed = 0; seed < DRAWN; seed++) {
            try (GgufFile file = new RandomModel(family, seed).file().parse()) {
                drawn.add(ModelLoader.builtIn().describe(file));
            }
        }
        return drawn;
    }

    private static String types() {
        return new ReferenceKernels()
                .weightTypes().stream()
                        .sorted()
                        .map(DType::name)
                        .collect(Collectors.joining("`, `", "`", "`\n"));
    }

    private static String keys() {
        StringBuilder table = new StringBuilder("| key | why it may be left unread |\n|---|---|\n");
        ModelKeys.harmless()
                .forEach((key, why) -> table.append("| `%s` | %s |%n".formatted(key, why)));
        return table.toString();
    }
}
