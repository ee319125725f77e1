package dev.juggler.launcher.command;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
                    + " sent to. Placement reads the file: placement.profile, or profile in a hot block."
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
            required = true,
            paramLabel = "FILE",
            description = "texts such as the model will be used for: a prompt on each line")
    private Path prompts = Path.of("");

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

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Logging.beQuiet();
        List<String> texts = texts();
        ModelArgument chosen = ModelArgument.resolve(common.configuration(), model);
        Path target = output == null ? Path.of(chosen.name() + ".experts") : output;
        RoutingProfile profile = new RoutingProfile();
        try (Wiring wiring = Wiring.engine(chosen.configuration())) {
            ModelSettings settings = chosen.settings(wiring.configuration());
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
            try (ModelFile file = ModelFile.open(settings, wiring.devices());
                    PlacedModel placed = file.load(new LoadingBar())) {
                run(placed, settings, sequences, profile);
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

    private List<String> texts() throws IOException {
        if (!Files.isReadable(prompts)) {
            throw new UserException("--prompts %s: no such file can be read".formatted(prompts), 2);
        }
        if (generated < 0) {
            throw new UserException("--tokens %d: it must be 0 or more".formatted(generated), 2);
        }
        List<String> texts =
                Files.readAllLines(prompts).stream().filter(line -> !line.isBlank()).toList();
        if (texts.isEmpty()) {
            throw new UserException(
                    "--prompts %s: there is no text in it; write a prompt on each line"
                            .formatted(prompts),
                    2);
        }
        return texts;
    }

    private void run(
            PlacedModel placed,
            ModelSettings settings,
            List<int[]> sequences,
            RoutingProfile profile) {
        List<Integer> moeLayers =
                placed.description().weights().stream()
                        .filter(weight -> weight.role() == Role.EXPERTS && weight.experts() > 0)
                        .map(WeightDescriptor::layer)
                        .distinct()
                        .toList();
        if (moeLayers.isEmpty()) {
            throw new UserException("the model has no experts, so there is nothing to count", 2);
        }
        int longest = sequences.stream().mapToInt(ids -> ids.length).max().orElse(0) + generated;
        try (Progress progress = Progress.of("profile", sequences.size());
                SequenceRunner runner =
                        new SequenceRunner(
                                placed,
                                settings.kvType(),
                                Math.max(1, longest),
                                Math.min(settings.stepRows(), Math.max(1, longest)),
                                1, // only the last token of a step is followed by another
                                new RoutingRecorder(placed.kernels(), moeLayers, profile))) {
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
