package dev.juggler.launcher.command;

import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.placement.Plan;
import dev.juggler.launcher.Wiring;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/** {@code juggler plan}: what would go where, whether it fits, how fast it could be. */
@Command(
        name = "plan",
        mixinStandardHelpOptions = true,
        description = {
            "Shows, without loading, what would go where and why, the memory of each device, and the"
                    + " tokens per second that the measured bandwidth allows.",
            "Exit code 2 if it does not fit."
        })
final class PlanCommand implements Callable<Integer> {
    private static final int DOES_NOT_FIT = 2;

    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private @Nullable String model;

    @Option(
            names = "--placement",
            paramLabel = "FILE.conf",
            description = "placement rules from a file instead of the configuration")
    private @Nullable Path placement;

    @Option(names = "--json", description = "print one JSON object; sizes in bytes")
    private boolean json;

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.beQuiet();
        PrintWriter out = spec.commandLine().getOut();
        ModelArgument chosen =
                PlacementFile.apply(
                        ModelArgument.resolve(common.configuration(), model), placement);
        try (Wiring wiring = Wiring.devices(chosen.configuration());
                ModelFile file =
                        ModelFile.open(chosen.settings(wiring.configuration()), wiring.devices())) {
            Plan plan = file.plan();
            if (json) {
                out.println(
                        JsonMapper.builder()
                                .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                                .build()
                                .writeValueAsString(plan));
            } else {
                out.print(plan.text());
            }
            out.flush();
            return plan.fits() ? 0 : DOES_NOT_FIT;
        }
    }
}
