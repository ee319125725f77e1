package dev.juggler.launcher.command;

import dev.juggler.kernel.Availability;
import dev.juggler.launcher.BackendTable;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.plugin.FoundPlugin;
import dev.juggler.launcher.terminal.TextTable;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code juggler plugins}: what was found, what is used, and why something was refused. */
@Command(
        name = "plugins",
        mixinStandardHelpOptions = true,
        subcommands = PluginsInstallCommand.class,
        description =
                "Lists the plugins found, their versions, what is chosen, and what is refused and why.")
final class PluginsCommand implements Callable<Integer> {
    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.beQuiet();
        PrintWriter out = spec.commandLine().getOut();
        try (Wiring wiring = Wiring.plugins(common.configuration())) {
            out.println("Plugins in " + wiring.pluginFolder());
            TextTable plugins = new TextTable();
            for (FoundPlugin plugin : wiring.plugins().found()) {
                String refusal = plugin.refusal();
                plugins.row(
                        plugin.id(),
                        plugin.version(),
                        refusal == null ? "used" : "refused",
                        refusal == null ? String.join(", ", plugin.provides()) : refusal);
            }
            out.print(wiring.plugins().found().isEmpty() ? "  none\n" : plugins);
            out.println();
            out.println("Backends");
            out.print(describe(wiring.backends()));
        }
        return 0;
    }

    /** The table of backends, the default first. */
    static String describe(BackendTable backends) {
        TextTable table = new TextTable();
        for (BackendTable.Row row : backends.rows()) {
            switch (row.availability()) {
                case Availability.Usable usable ->
                        table.row(
                                row.provider().name(),
                                row.isDefault() ? "default" : "usable",
                                String.join(", ", usable.devices()),
                                usable.detail());
                case Availability.Unusable unusable ->
                        table.row(
                                row.provider().name(),
                                "unusable",
                                "-",
                                unusable.reason()
                                        + (unusable.remedy().isEmpty()
                                                ? ""
                                                : "; " + unusable.remedy()));
            }
        }
        return table.toString();
    }
}
