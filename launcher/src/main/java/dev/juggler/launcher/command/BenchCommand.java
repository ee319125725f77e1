package dev.juggler.launcher.command;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.placement.HostBandwidth;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.bench.BenchReport;
import dev.juggler.launcher.bench.Measurement;
import dev.juggler.launcher.bench.ProcessMemory;
import dev.juggler.launcher.bench.ProfileReport;
import dev.juggler.launcher.bench.ProfiledRun;
import dev.juggler.launcher.bench.RateTests;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.terminal.LoadingBar;
import dev.juggler.launcher.terminal.Progress;
import dev.juggler.launcher.terminal.Units;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler bench}: tokens per second, in the terms of llama-bench. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = {
            "Measures tokens per second: ppN computes a prompt of N tokens, tgN generates N tokens from an"
                    + " empty cache, one at a time, tgNxP of P sequences side by side. Mean and standard"
                    + " deviation over the repetitions, which begin when the JVM is warm: when a run is"
                    + " hardly faster than the one before.",
            ""
        })
final class BenchCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private @Nullable String model;

    @Option(
            names = {"-t", "--threads"},
            paramLabel = "N",
            description = "threads of the CPU backend; as configured if absent")
    private @Nullable Integer threads;

    @Option(
            names = {"-p", "--pp"},
            split = ",",
            paramLabel = "N",
            description = "prompt lengths (512); 0: none")
    private List<Integer> prompts = List.of(512);

    @Option(
            names = {"-n", "--tg"},
            split = ",",
            paramLabel = "N",
            description = "numbers of generated tokens (128); 0: none")
    private List<Integer> generations = List.of(128);

    @Option(
            names = "--parallel",
            split = ",",
            paramLabel = "P",
            description = "numbers of sequences that generate side by side (1)")
    private List<Integer> parallel = List.of(1);

    @Option(
            names = {"-r", "--repetitions"},
            paramLabel = "N",
            description = "how often each test is repeated (5)")
    private int repetitions = 5;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "md|json|csv",
            description = "the form of the result (md)")
    private BenchReport.Form form = BenchReport.Form.MD;

    @Option(
            names = "--profile",
            description = {
                "also tell where the time goes: each test once more with every operation timed, by phase,",
                "beside the bandwidth of the memory; times of operations do not overlap then"
            })
    private boolean profile;

    @Mixin private CommonOptions common = new CommonOptions();
    @Mixin private MemoryOptions memory = new MemoryOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.beQuiet();
        requireSensible();
        ModelArgument chosen = ModelArgument.resolve(configuration(), model);
        try (Wiring wiring = Wiring.devices(chosen.configuration())) {
            ModelSettings settings = chosen.settings(wiring);
            long start = System.nanoTime();
            try (ModelFile file = ModelFile.open(settings, wiring.devices(), wiring.loader());
                    PlacedModel placed = file.load(new LoadingBar())) {
                Duration loading = Duration.ofNanos(System.nanoTime() - start);
                List<Measurement> measurements = measure(placed, settings);
                BenchReport report =
                        new BenchReport(
                                chosen.name(),
                                file,
                                wiring.backends().rows().getFirst().provider().name(),
                                threads(wiring),
                                repetitions,
                                loading,
                                ProcessMemory.peak());
                List<ProfiledRun> profiles = profile ? profiles(placed, settings) : List.of();
                PrintWriter out = spec.commandLine().getOut();
                out.print(report.text(measurements, profiles, form));
                if (profile && form == BenchReport.Form.MD) {
                    double bandwidth = HostBandwidth.measure(threads(wiring)).bytesPerSecond();
                    out.print(new ProfileReport(bandwidth).text(profiles));
                }
                out.flush();
                spec.commandLine()
                        .getErr()
                        .printf(
                                "loaded in %s; peak memory %s, of which %s are the mapped model%n",
                                Units.duration(loading),
                                Units.bytes(ProcessMemory.peak()),
                                Units.bytes(file.gguf().fileBytes()));
            }
        }
        return 0;
    }

    private Configuration configuration() {
        Configuration configuration = memory.apply(common.configuration());
        return threads == null
                ? configuration
                : configuration.with(
                        Map.of("juggler.backend.cpu-simd.threads", threads.toString()));
    }

    private static int threads(Wiring wiring) {
        String configured =
                wiring.configuration()
                        .flattened("backend", "cpu-simd")
                        .getOrDefault("threads", "auto");
        return configured.equals("auto")
                ? Runtime.getRuntime().availableProcessors()
                : Integer.parseInt(configured);
    }

    private void requireSensible() {
        boolean negative =
                prompts.stream().anyMatch(n -> n < 0) || generations.stream().anyMatch(n -> n < 0);
        if (negative || repetitions < 1 || parallel.stream().anyMatch(n -> n < 1)) {
            throw new UserException(
                    "--pp and --tg must be 0 or more, --parallel and --repetitions 1 or more", 2);
        }
    }

    private List<Measurement> measure(PlacedModel placed, ModelSettings settings) {
        List<Measurement> measurements = new ArrayList<>();
        long tests = prompts.size() + (long) generations.size() * parallel.size();
        try (Progress progress = Progress.of("bench", tests * (repetitions + 1))) {
            RateTests rates = rates(placed, settings, () -> progress.advance(1));
            for (int length : prompts) {
                if (length > 0) {
                    progress.note("pp" + length);
                    measurements.add(rates.prompt(length));
                }
            }
            for (int length : generations) {
                for (int sequences : parallel) {
                    if (length > 0) {
                        progress.note("tg" + length);
                        measurements.add(rates.generation(length, sequences));
                    }
                }
            }
        }
        return measurements;
    }

    private RateTests rates(PlacedModel placed, ModelSettings settings, Runnable counted) {
        return new RateTests(placed, settings.kvType(), settings.stepRows(), repetitions, counted);
    }

    private List<ProfiledRun> profiles(PlacedModel placed, ModelSettings settings) {
        RateTests rates = rates(placed, settings, () -> {});
        List<ProfiledRun> runs = new ArrayList<>();
        for (int length : prompts) {
            if (length > 0) {
                int rows = Math.min(length, settings.stepRows());
                runs.add(
                        ProfiledRun.of(
                                "pp" + length,
                                rates.tokens(length),
                                placed,
                                settings.kvType(),
                                rows));
            }
        }
        for (int length : generations) {
            if (length > 0) {
                runs.add(
                        ProfiledRun.of(
                                "tg" + length, rates.tokens(length), placed, settings.kvType(), 1));
            }
        }
        return runs;
    }
}
