package dev.juggler.launcher.command;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigValueFactory;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.experts.RoutingTrace;
import dev.juggler.engine.experts.RoutingTrace.LayerShape;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.RoutingProfile;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.engine.profile.RoutingRecorder;
import dev.juggler.inference.Prompt;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.terminal.LoadingBar;
import dev.juggler.launcher.terminal.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler profile}: which experts a model sends the tokens of some texts to. */
@Command(
        name = "profile",
        mixinStandardHelpOptions = true,
        description = {
            "Counts which experts of each layer the tokens of prompts, and of greedy answers to them, are"
                    + " sent to. Placement reads the file: placement.profile, or profile in a hot block.",
            "With --trace it also writes down each choice; --replay plays these again with places in fast"
                    + " memory for some experts and tells how often each policy (hot { choose = lru }) would have"
                    + " found an expert there. No model is needed for that."
        })
final class ProfileCommand implements Callable<Integer> {
    private static final double TENTH = 0.1;

    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private @Nullable String model;

    @Option(
            names = "--prompts",
            paramLabel = "FILE",
            description = "texts such as the model will be used for: a prompt on each line")
    private @Nullable Path prompts;

    @Option(
            names = {"-n", "--tokens"},
            paramLabel = "N",
            description = "tokens generated after each prompt (64)")
    private int generated = 64;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "the profile (MODEL.experts)")
    private @Nullable Path output;

    @Option(
            names = "--trace",
            paramLabel = "FILE",
            description = "write down each choice too, for --replay")
    private @Nullable Path trace;

    @Option(
            names = "--replay",
            paramLabel = "FILE",
            description = "play a trace again and print hit rates")
    private @Nullable Path replay;

    @Option(
            names = "--experts",
            paramLabel = "N",
            description = "with --replay: experts of each layer that have a place")
    private @Nullable Integer experts;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            description = "with --replay: memory for the places of all layers, e.g. 6GiB")
    private @Nullable String memory;

    @Option(
            names = "--moves",
            paramLabel = "N",
            description = "with --replay: most experts that a step brings to fast memory (2)")
    private int moves = 2;

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Logging.beQuiet();
        if (replay != null) {
            PrintWriter out = spec.commandLine().getOut();
            try (Wiring wiring = Wiring.plugins(common.configuration())) {
                TraceReplayReport.print(
                        out,
                        wiring.loader().policies(),
                        replay,
                        experts,
                        memory == null ? null : size(),
                        moves);
            }
            return 0;
        }
        List<String> texts = texts();
        ModelArgument chosen = ModelArgument.resolve(common.configuration(), model);
        Path target = output == null ? Path.of(chosen.name() + ".experts") : output;
        requireWritable("--output", target); // not only when hours of work are done
        if (trace != null) {
            requireWritable("--trace", trace);
        }
        RoutingProfile profile = new RoutingProfile();
        try (Wiring wiring = Wiring.engine(chosen.configuration())) {
            ModelSettings settings = chosen.settings(wiring);
            List<int[]> sequences = new ArrayList<>();
            for (String text : texts) {
                sequences.add(
                        wiring
                                .inference()
                                .tokenize(chosen.name(), new Prompt.Text(text, false))
                                .stream()
                                .mapToInt(Integer::intValue)
                                .toArray());
            }
            try (ModelFile file = ModelFile.open(settings, wiring.devices(), wiring.loader());
                    PlacedModel placed = file.load(new LoadingBar())) {
                record(placed, chosen.name(), settings, sequences, profile);
            }
        }
        profile.write(target, chosen.name());
        spec.commandLine()
                .getOut()
                .printf(
                        "%s: %d tokens, %d layers; a tenth of the experts takes %.0f %% of the choices%n",
                        target,
                        profile.tokens(),
                        profile.layers(),
                        100 * profile.concentration(TENTH));
        return 0;
    }

    private long size() {
        try {
            return ConfigValueFactory.fromAnyRef(memory).atKey("memory").getBytes("memory");
        } catch (ConfigException e) {
            throw new UserException(
                    "--memory %s: it must be a size, e.g. 6GiB".formatted(memory), 2);
        }
    }

    private List<String> texts() throws IOException {
        Path file = prompts;
        if (file == null) {
            throw new UserException(
                    "--prompts is missing; give a file with a prompt on each line", 2);
        }
        if (!Files.isReadable(file) || Files.isDirectory(file)) {
            throw new UserException("--prompts %s: no such file can be read".formatted(file), 2);
        }
        if (generated < 0) {
            throw new UserException("--tokens %d: it must be 0 or more".formatted(generated), 2);
        }
        try {
            List<String> texts =
                    Files.readAllLines(file).stream().filter(line -> !line.isBlank()).toList();
            if (!texts.isEmpty()) {
                return texts;
            }
        } catch (CharacterCodingException e) {
            throw new UserException("--prompts %s: it is no text (UTF-8)".formatted(file), 2);
        }
        throw new UserException(
                "--prompts %s: there is no text in it; write a prompt on each line".formatted(file),
                2);
    }

    private static void requireWritable(String option, Path file) {
        Path folder = file.toAbsolutePath().getParent();
        boolean writable =
                Files.exists(file)
                        ? Files.isWritable(file) && !Files.isDirectory(file)
                        : folder != null && Files.isDirectory(folder) && Files.isWritable(folder);
        if (!writable) {
            throw new UserException(
                    "%s %s: no such file can be written; name one in a folder that is there"
                            .formatted(option, file),
                    2);
        }
    }

    private void record(
            PlacedModel placed,
            String name,
            ModelSettings settings,
            List<int[]> sequences,
            RoutingProfile profile)
            throws IOException {
        List<LayerShape> shapes = shapes(placed);
        if (shapes.isEmpty()) {
            throw new UserException("the model has no experts, so there is nothing to count", 2);
        }
        Path file = trace;
        if (file == null) {
            run(placed, settings, sequences, shapes, profile::add);
            return;
        }
        try (RoutingTrace.Recording recording = new RoutingTrace.Recording(file, name, shapes)) {
            run(
                    placed,
                    settings,
                    sequences,
                    shapes,
                    (layer, count, rows, chosen) -> {
                        profile.add(layer, count, rows, chosen);
                        recording.chosen(layer, rows, chosen);
                    });
        }
    }

    /** The layers with experts, in the order in which they are computed. */
    private static List<LayerShape> shapes(PlacedModel placed) {
        Map<Integer, LayerShape> shapes = new TreeMap<>();
        for (WeightDescriptor weight : placed.description().weights()) {
            if (weight.role() == Role.EXPERTS && weight.experts() > 0) {
                LayerShape one =
                        new LayerShape(
                                weight.layer(),
                                weight.experts(),
                                weight.bytes() / weight.experts());
                shapes.merge(
                        weight.layer(),
                        one,
                        (known, more) ->
                                new LayerShape(
                                        known.layer(),
                                        known.experts(),
                                        known.expertBytes() + more.expertBytes()));
            }
        }
        return List.copyOf(shapes.values());
    }

    private void run(
            PlacedModel placed,
            ModelSettings settings,
            List<int[]> sequences,
            List<LayerShape> shapes,
            RoutingRecorder.Listener listener) {
        List<Integer> moeLayers = shapes.stream().map(LayerShape::layer).toList();
        int longest = sequences.stream().mapToInt(ids -> ids.length).max().orElse(0) + generated;
        try (Progress progress = Progress.of("profile", sequences.size());
                SequenceRunner runner =
                        new SequenceRunner(
                                placed,
                                settings.kvType(),
                                Math.max(1, longest),
                                Math.min(settings.stepRows(), Math.max(1, longest)),
                                1, // only the last token of a step is followed by another
                                new RoutingRecorder(placed.kernels(), moeLayers, listener))) {
            for (int[] ids : sequences) {
                if (ids.length > 0) {
                    runner.clear();
                    answer(runner, ids);
                }
                progress.advance(1);
            }
        }
    }

    private void answer(SequenceRunner runner, int[] ids) {
        int[] next = {0};
        runner.run(ids, false, (position, logits) -> next[0] = best(logits));
        for (int i = 0; i < generated; i++) {
            runner.run(new int[] {next[0]}, false, (position, logits) -> next[0] = best(logits));
        }
    }

    private static int best(float[] logits) {
        int best = 0;
        for (int id = 1; id < logits.length; id++) {
            best = logits[id] > logits[best] ? id : best;
        }
        return best;
    }
}
