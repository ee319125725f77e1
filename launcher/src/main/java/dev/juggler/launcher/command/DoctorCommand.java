package dev.juggler.launcher.command;

import dev.juggler.kernel.Availability;
import dev.juggler.launcher.BackendTable;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.doctor.Finding;
import dev.juggler.launcher.doctor.Machine;
import dev.juggler.launcher.plugin.FoundPlugin;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code juggler doctor}: looks at machine and installation, each line ok or what to do. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description = {
            "Looks at this machine and installation: each line is ok, or says what to do.",
            "Exit code 1 if something must be mended before Juggler can run."
        })
final class DoctorCommand implements Callable<Integer> {
    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.beQuiet();
        PrintWriter out = spec.commandLine().getOut();
        // Before the machine is measured: the wiring may have to start the JVM anew.
        List<Finding> installation = examineInstallation();
        List<Finding> findings = new ArrayList<>(Machine.examine());
        findings.addAll(installation);
        int width = findings.stream().mapToInt(f -> f.subject().length()).max().orElse(0);
        for (Finding finding : findings) {
            out.printf(
                    "  %-5s %-" + width + "s  %s%n",
                    finding.state().label(),
                    finding.subject(),
                    finding.detail());
            if (!finding.remedy().isEmpty()) {
                out.printf("  %-5s %-" + width + "s  -> %s%n", "", "", finding.remedy());
            }
        }
        return findings.stream().anyMatch(f -> f.state() == Finding.State.BROKEN) ? 1 : 0;
    }

    private List<Finding> examineInstallation() {
        List<Finding> findings = new ArrayList<>();
        try {
            Configuration configuration = common.configuration();
            try (Wiring wiring = Wiring.plugins(configuration)) {
                findings.add(
                        Finding.ok(
                                "configuration",
                                configuration
                                        .file()
                                        .map(file -> file + ", valid")
                                        .orElse("none found, built-in defaults")));
                for (FoundPlugin plugin : wiring.plugins().found()) {
                    String refusal = plugin.refusal();
                    findings.add(
                            refusal == null
                                    ? Finding.ok(
                                            "plugin " + plugin.id(),
                                            String.join(", ", plugin.provides()))
                                    : Finding.warning(
                                            "plugin " + plugin.id(),
                                            "refused: " + refusal,
                                            "replace or remove " + plugin.path()));
                }
                for (BackendTable.Row row : wiring.backends().rows()) {
                    findings.add(describe(row));
                }
            }
        } catch (RuntimeException e) {
            findings.add(
                    Finding.broken(
                            "configuration",
                            String.valueOf(e.getMessage()),
                            "mend it and try again"));
        }
        return findings;
    }

    private static Finding describe(BackendTable.Row row) {
        String subject = "backend " + row.provider().name();
        return switch (row.availability()) {
            case Availability.Usable usable ->
                    Finding.ok(subject, (row.isDefault() ? "default, " : "") + usable.detail());
            case Availability.Unusable unusable ->
                    Finding.warning(subject, "unusable: " + unusable.reason(), unusable.remedy());
        };
    }
}
