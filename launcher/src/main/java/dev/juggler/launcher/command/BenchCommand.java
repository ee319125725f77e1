package dev.juggler.launcher.command;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.placement.HostBandwidth;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.bench.BenchReport;
import dev.juggler.launcher.bench.Measurement;
import dev.juggler.launcher.bench.ProcessMemory;
import dev.juggler.launcher.bench.ProfileReport;
import dev.juggler.launcher.bench.ProfiledRun;
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
                    + " empty cache, one at a time. Mean and standard deviation over the repetitions, after"
                    + " one that is not counted.",
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
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.beQuiet();
        requireSensible();
        ModelArgument chosen = ModelArgument.resolve(configuration(), model);
        try (Wiring wiring = Wiring.devices(chosen.configuration())) {
            ModelSettings settings = chosen.settings(wiring.configuration());
            long start = System.nanoTime();
            try (ModelFile file = ModelFile.open(settings, wiring.devices());
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
        Configuration configuration = common.configuration();
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
        if (negative || repetitions < 1) {
            throw new UserException("--pp and --tg must be 0 or more, --repetitions 1 or more", 2);
        }
    }

    private List<Measurement> measure(PlacedModel placed, ModelSettings settings) {
        List<Measurement> measurements = new ArrayList<>();
        long runs = (long) (prompts.size() + generations.size()) * (repetitions + 1);
        try (Progress progress = Progress.of("bench", runs)) {
            for (int length : prompts) {
                if (length > 0) {
                    measurements.add(run("pp" + length, length, placed, settings, progress));
                }
            }
            for (int length : generations) {
                if (length > 0) {
                    measurements.add(run("tg" + length, length, placed, settings, progress));
                }
            }
        }
        return measurements;
    }

    private List<ProfiledRun> profiles(PlacedModel placed, ModelSettings settings) {
        int vocabulary = placed.model().vocabularySize();
        List<ProfiledRun> runs = new ArrayList<>();
        for (int length : prompts) {
            if (length > 0) {
                int rows = Math.min(length, settings.stepRows());
                runs.add(
                        ProfiledRun.of(
                                "pp" + length,
                                tokens(length, vocabulary),
                                placed,
                                settings.kvType(),
                                rows));
            }
        }
        for (int length : generations) {
            if (length > 0) {
                runs.add(
                        ProfiledRun.of(
                                "tg" + length,
                                tokens(length, vocabulary),
                                placed,
                                settings.kvType(),
                                1));
            }
        }
        return runs;
    }

    private Measurement run(
            String test,
            int length,
            PlacedModel placed,
            ModelSettings settings,
            Progress progress) {
        progress.note(test);
        boolean prompt = test.startsWith("pp");
        int vocabulary = placed.model().vocabularySize();
        int[] tokens = tokens(length, vocabulary);
        List<Double> seconds = new ArrayList<>();
        try (SequenceRunner runner =
                new SequenceRunner(
                        placed,
                        settings.kvType(),
                        length,
                        prompt ? Math.min(length, settings.stepRows()) : 1)) {
            for (int i = 0; i <= repetitions; i++) {
                runner.clear();
                long start = System.nanoTime();
                if (prompt) {
                    runner.run(tokens, false, (position, logits) -> {});
                } else {
                    for (int token : tokens) {
                        runner.run(new int[] {token}, false, (position, logits) -> {});
                    }
                }
                if (i > 0) { // the first one warms up
                    seconds.add((System.nanoTime() - start) / 1e9);
                }
                progress.advance(1);
            }
        }
        return Measurement.of(test, length, seconds);
    }

    /** Tokens spread over the vocabulary, always the same. */
    private static int[] tokens(int count, int vocabulary) {
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++) {
            tokens[i] = (int) ((i * 7919L + 13) % vocabulary);
        }
        return tokens;
    }
}
