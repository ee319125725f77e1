package dev.juggler.launcher.command;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.terminal.LoadingBar;
import dev.juggler.launcher.terminal.Progress;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler logits}: the logits of every position, for comparison with other engines. */
@Command(
        name = "logits",
        mixinStandardHelpOptions = true,
        description = {
            "Writes the logits after each token of a sequence: raw little-endian float32,"
                    + " [positions][vocabulary]. No BOS is added.",
            ""
        })
final class LogitsCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "a configured name, or the path of a GGUF file")
    private String model = "";

    @Option(
            names = "--ids",
            required = true,
            paramLabel = "FILE.json",
            description = "a list of token ids, or an object of named lists")
    private Path ids = Path.of("");

    @Option(
            names = "--sequence",
            paramLabel = "NAME",
            description = "which list of the object; not needed if there is one")
    private @Nullable String sequence;

    @Option(
            names = "--out",
            required = true,
            paramLabel = "FILE.f32",
            description = "where to write")
    private Path out = Path.of("");

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "feed N tokens a step; all at once if absent")
    private @Nullable Integer rowsPerStep;

    @Option(
            names = "--placement",
            paramLabel = "FILE.conf",
            description = "placement rules from a file instead of the configuration")
    private @Nullable Path placement;

    @Option(names = "--exact", description = "F32 activations and F32 key-value cache")
    private boolean exact;

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Logging.beQuiet();
        if (rowsPerStep != null && rowsPerStep < 1) {
            throw new UserException("--steps %d: it must be 1 or more".formatted(rowsPerStep), 2);
        }
        int[] tokens = SequenceFile.read(ids, sequence);
        ModelArgument chosen =
                PlacementFile.apply(
                        ModelArgument.resolve(
                                Exactness.apply(common.configuration(), exact), model),
                        placement);
        try (Wiring wiring = Wiring.devices(chosen.configuration())) {
            ModelSettings settings = chosen.settings(wiring);
            try (ModelFile file = ModelFile.open(settings, wiring.devices(), wiring.loader());
                    PlacedModel placed = file.load(new LoadingBar());
                    SequenceRunner runner =
                            new SequenceRunner(
                                    placed,
                                    settings.kvType(),
                                    tokens.length,
                                    rowsPerStep == null ? tokens.length : rowsPerStep)) {
                write(runner, tokens, placed.model().vocabularySize());
            }
        }
        return 0;
    }

    private void write(SequenceRunner runner, int[] tokens, int vocabulary) throws IOException {
        ByteBuffer row =
                ByteBuffer.allocate(vocabulary * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(out), 1 << 20);
                Progress progress = Progress.of("logits", tokens.length)) {
            runner.run(
                    tokens,
                    true,
                    (position, logits) -> {
                        row.asFloatBuffer().put(logits);
                        try {
                            file.write(row.array());
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                        progress.advance(1);
                    });
        } catch (IllegalArgumentException e) {
            throw new UserException("--ids %s: %s".formatted(ids, e.getMessage()), 2);
        }
        spec.commandLine()
                .getErr()
                .printf("%s: [%d][%d] float32%n", out, tokens.length, vocabulary);
    }
}
