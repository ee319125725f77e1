package dev.juggler.launcher;

import com.typesafe.config.Config;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.placement.PlacedWeight;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.PlacementException;
import dev.juggler.kernel.Availability;
import dev.juggler.launcher.plugin.FoundPlugin;
import dev.juggler.launcher.terminal.TextTable;
import dev.juggler.launcher.terminal.Units;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What the server chose, in a few lines. */
final class Banner {
    private final Wiring wiring;
    private final TextTable lines = new TextTable();

    Banner(Wiring wiring) {
        this.wiring = wiring;
    }

    void print(PrintWriter out) {
        out.println("Juggler %s on Java %s".formatted(Version.text(), Runtime.version().feature()));
        lines.row(
                "config",
                wiring.configuration()
                        .file()
                        .map(Object::toString)
                        .orElse("built-in; no juggler.conf was found"));
        backends();
        plugins();
        models();
        out.print(lines);
        out.println("Listening on " + wiring.url() + "  (Ctrl-C stops)");
    }

    private void backends() {
        Map<String, String> devices = wiring.deviceDescriptions();
        String label = "backends";
        for (BackendTable.Row row : wiring.backends().rows()) {
            String name = row.provider().name();
            switch (row.availability()) {
                case Availability.Usable usable -> {
                    for (String device : usable.devices()) {
                        lines.row(
                                label,
                                "%s%s: %s"
                                        .formatted(
                                                device,
                                                row.isDefault() ? " (default)" : "",
                                                devices.getOrDefault(device, usable.detail())));
                        label = "";
                    }
                }
                case Availability.Unusable unusable ->
                        lines.row(label, "%s unusable: %s".formatted(name, unusable.reason()));
            }
            label = "";
        }
    }

    private void plugins() {
        List<String> used = new ArrayList<>();
        for (FoundPlugin plugin : wiring.plugins().found()) {
            if (plugin.isUsed()) {
                used.add(plugin.id() + " " + plugin.version());
            }
        }
        lines.row("plugins", String.join(", ", used));
        for (FoundPlugin plugin : wiring.plugins().found()) {
            if (!plugin.isUsed()) {
                lines.row("", plugin.id() + " refused: " + plugin.refusal());
            }
        }
    }

    private void models() {
        String label = "models";
        for (ModelSettings settings : wiring.modelSettings()) {
            lines.row(label, settings.name() + ": " + describe(settings));
            label = "";
        }
        Config server = wiring.configuration().config().getConfig("juggler.server");
        String fallback = server.getString("fallback-model");
        if (!fallback.isEmpty()) {
            lines.row("", fallback + " also answers for names that are unknown");
        }
    }

    private String describe(ModelSettings settings) {
        try (ModelFile file = ModelFile.open(settings, wiring.devices(), wiring.loader())) {
            return "%s %s, %s weights, context %d, %s"
                    .formatted(
                            file.gguf().architecture(),
                            file.gguf().quantization(),
                            Units.count(file.gguf().parameters()),
                            file.outline().context(),
                            where(file.outline().placement()));
        } catch (GgufException | ModelException | PlacementException e) {
            return "cannot be used: " + e.getMessage();
        }
    }

    /** E.g. {@code all on cpu}, {@code 12.1 GiB on cuda:0, 40.0 GiB on cpu}. */
    private static String where(Placement placement) {
        Map<String, Long> bytes = new TreeMap<>();
        for (PlacedWeight weight : placement.weights()) {
            for (PlacedWeight.Shard shard : weight.shards()) {
                bytes.merge(shard.device(), shard.bytes(), Long::sum);
            }
        }
        return bytes.size() == 1
                ? "all on " + bytes.keySet().iterator().next()
                : bytes.entrySet().stream()
                        .map(entry -> Units.bytes(entry.getValue()) + " on " + entry.getKey())
                        .collect(Collectors.joining(", "));
    }
}
