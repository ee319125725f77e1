package dev.juggler.launcher.command;

import com.typesafe.config.ConfigUtil;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.placement.AssumedHardware;
import dev.juggler.engine.placement.Hardware;
import dev.juggler.engine.placement.PlacementException;
import dev.juggler.engine.placement.Plan;
import dev.juggler.inference.InferenceException;
import dev.juggler.launcher.Wiring;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler plan}: what would go where, whether it fits, how fast it could be. */
@Command(
        name = "plan",
        mixinStandardHelpOptions = true,
        description = {
            "Shows, without loading, what would go where and why, the memory of each device, and the"
                    + " tokens per second that memory bandwidth and compute allow.",
            "Exit code 2 if it does not fit; then it says what would make it fit."
        })
final class PlanCommand implements Callable<Integer> {
    private static final int DOES_NOT_FIT = 2;

    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private @Nullable String model;

    @Option(
            names = "--assume",
            paramLabel = "MACHINE",
            description = {
                "plan for a machine that need not be this one, as NAME=MEMORY@BANDWIDTH[@COMPUTE] of"
                        + " each device and pcie=BANDWIDTH (else 25GB/s), e.g.",
                "cuda:0=24GiB@1008GB/s,pcie=25GB/s,cpu=512GiB@80GB/s. COMPUTE is e.g. 165TFLOPS;"
                        + " else 100 operations a byte of bandwidth, cpu 20."
            })
    private @Nullable String machine;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "most tokens of a sequence, instead of the configured number")
    private @Nullable Integer context;

    @Option(
            names = "--parallel",
            paramLabel = "N",
            description = "sequences at once, instead of the configured number")
    private @Nullable Integer parallel;

    @Option(
            names = "--placement",
            paramLabel = "FILE.conf",
            description = "placement rules from a file instead of the configuration")
    private @Nullable Path placement;

    @Option(names = "--json", description = "print one JSON object; sizes in bytes")
    private boolean json;

    @Option(
            names = "--hocon",
            description = "print the placement as rules that pin it, for the configuration")
    private boolean hocon;

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    /** Rules and numbers that make no sense are wrong usage, wherever they stand. */
    @Override
    public Integer call() {
        try {
            return plan();
        } catch (PlacementException e) {
            throw new UserException(String.valueOf(e.getMessage()), 2);
        } catch (InferenceException e) {
            if (e.kind() == InferenceException.Kind.INVALID_REQUEST) {
                throw new UserException(String.valueOf(e.getMessage()), 2);
            }
            throw e;
        }
    }

    private int plan() {
        Logging.beQuiet();
        if (json && hocon) {
            throw new UserException("--json and --hocon print different things; give one", 2);
        }
        ModelArgument chosen =
                withNumbers(
                        PlacementFile.apply(
                                ModelArgument.resolve(common.configuration(), model), placement));
        if (machine != null) {
            Hardware assumed = assumed(machine);
            try (Wiring wiring = Wiring.plugins(chosen.configuration());
                    ModelFile file = ModelFile.openForPlan(chosen.settings(wiring), assumed)) {
                return print(file);
            }
        }
        try (Wiring wiring = Wiring.devices(chosen.configuration())) {
            ModelSettings settings = chosen.settings(wiring);
            try (ModelFile file = ModelFile.openForPlan(settings, wiring.devices())) {
                int code = print(file);
                if (!json && !hocon) {
                    wiring.deviceDescriptions().forEach(this::describe);
                }
                return code;
            }
        }
    }

    /** What a backend has chosen: threads, instruction set, memory nodes. */
    private void describe(String device, String description) {
        PrintWriter out = spec.commandLine().getOut();
        out.printf("%s: %s%n", device, description);
        out.flush();
    }

    private int print(ModelFile file) {
        PrintWriter out = spec.commandLine().getOut();
        Plan plan = file.plan();
        if (json) {
            out.println(JsonLines.write(PlanJson.of(plan)));
        } else if (hocon) {
            out.print(file.outline().placement().hocon());
            if (!plan.fits()) {
                spec.commandLine().getErr().println("does not fit: " + plan.advice());
            }
        } else {
            out.print(plan.text());
            if (machine == null) {
                out.println("the file " + file.memoryPlan());
            }
        }
        out.flush();
        return plan.fits() ? 0 : DOES_NOT_FIT;
    }

    private static Hardware assumed(String text) {
        try {
            return AssumedHardware.parse(text);
        } catch (PlacementException e) {
            throw new UserException("--assume: " + e.getMessage(), 2);
        }
    }

    private ModelArgument withNumbers(ModelArgument chosen) {
        Map<String, String> more = new LinkedHashMap<>();
        add(more, chosen, "context", context);
        add(more, chosen, "parallel", parallel);
        return more.isEmpty()
                ? chosen
                : new ModelArgument(
                        chosen.name(), chosen.path(), chosen.configuration().with(more));
    }

    private static void add(
            Map<String, String> more, ModelArgument chosen, String key, @Nullable Integer value) {
        if (value != null) {
            more.put(
                    ConfigUtil.joinPath("juggler", "models", chosen.name(), key),
                    String.valueOf(value));
        }
    }
}
