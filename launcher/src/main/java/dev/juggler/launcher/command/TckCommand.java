package dev.juggler.launcher.command;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.launcher.BackendTable;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.terminal.TextTable;
import dev.juggler.tck.ConformanceRun;
import dev.juggler.tck.KernelSpeed;
import dev.juggler.tck.KernelSpeed.Measured;
import dev.juggler.tck.Limits;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code juggler tck}: tries a backend, for those who write one and for new machines. */
@Command(
        name = "tck",
        mixinStandardHelpOptions = true,
        description = {
            "Compares every operation of a backend with the reference, in all its types, and says what"
                    + " differs: the conformance kit that plugin authors run in their tests.",
            "With --speed it measures products instead: GB/s of weights with one row, as a share of"
                    + " what copying in the device's memory reaches, and TFLOP/s with many.",
            "Exit code 1 if a case fails."
        })
final class TckCommand implements Callable<Integer> {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,6})x(\\d{1,6})");
    private static final List<DType> SPEED_TYPES =
            List.of(DType.Q4_K, DType.Q6_K, DType.Q8_0, DType.F16);
    private static final int FAILURES_SHOWN = 10;
    private static final int EXPERTS = 64;

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description =
                    "a backend (its first device) or a device, e.g. cuda or cuda:1 (default: the"
                            + " default backend)")
    private String name = "";

    @Option(
            names = "--rounded",
            description =
                    "as users run it, with limits for activations of 8 bits; else exact, with limits"
                            + " for F32")
    private boolean rounded;

    @Option(
            names = "--only",
            paramLabel = "TEXT",
            description = "only cases whose name contains this, e.g. Q4_K")
    private String only = "";

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "repeats the random content of a run (default: new in each)")
    private long seed = System.nanoTime();

    @Option(names = "--speed", description = "measures products")
    private boolean speed;

    @Option(
            names = "--size",
            paramLabel = "NxK",
            description = "with --speed: shape of the weights (default: ${DEFAULT-VALUE})")
    private String size = "4096x14336";

    @Option(
            names = "--rows",
            paramLabel = "R",
            description = "with --speed: rows of a prompt (default: ${DEFAULT-VALUE})")
    private int rows = 2048;

    @Override
    public Integer call() {
        Logging.beQuiet();
        Configuration configuration = Exactness.apply(common.configuration(), !rounded && !speed);
        try (Wiring wiring = Wiring.plugins(configuration)) {
            String device = device(wiring.backends());
            return speed ? measure(wiring, device) : conform(wiring, device);
        }
    }

    private String device(BackendTable table) {
        for (BackendTable.Row row : table.rows()) {
            if (!(row.availability() instanceof Availability.Usable usable)) {
                continue;
            }
            boolean named = row.provider().name().equals(name);
            if (named || (name.isEmpty() && row.isDefault())) {
                return usable.devices().getFirst();
            }
            if (usable.devices().contains(name)) {
                return name;
            }
        }
        throw new UserException(
                "backend \"%s\" cannot be used here; see ./juggler plugins".formatted(name));
    }

    private static Backend open(Wiring wiring, String device) {
        return wiring.backends().open(wiring.configuration(), device);
    }

    private int conform(Wiring wiring, String device) {
        PrintWriter out = spec.commandLine().getOut();
        Limits limits = rounded ? Limits.ROUNDED : Limits.EXACT;
        int[] sums = new int[2];
        new ConformanceRun(() -> open(wiring, device), limits, seed)
                .run(
                        test -> test.contains(only),
                        group -> {
                            sums[0] += group.run();
                            sums[1] += group.failures().size();
                            print(out, group);
                        });
        out.printf(
                "%s, %s, seed %d: %d cases run, %d passed%n",
                device, limits.name().toLowerCase(Locale.ROOT), seed, sums[0], sums[0] - sums[1]);
        if (sums[0] == 0) {
            throw new UserException("no case has a name that contains \"%s\"".formatted(only), 2);
        }
        return sums[1] == 0 ? 0 : 1;
    }

    private static void print(PrintWriter out, ConformanceRun.Group group) {
        int failed = group.failures().size();
        out.printf("  %-16s %5d run, %d failed%n", group.name(), group.run(), failed);
        group.failures().stream().limit(FAILURES_SHOWN).forEach(text -> out.println("    " + text));
        if (failed > FAILURES_SHOWN) {
            out.printf("    and %d more%n", failed - FAILURES_SHOWN);
        }
    }

    private int measure(Wiring wiring, String device) {
        Matcher shape = SIZE.matcher(size);
        if (!shape.matches() || rows < 1) {
            throw new UserException(
                    "--size %s --rows %d: e.g. 4096x14336 and 2048".formatted(size, rows), 2);
        }
        int n = Integer.parseInt(shape.group(1));
        int k = Integer.parseInt(shape.group(2));
        boolean large = (long) n * k >= 1 << 22;
        PrintWriter out = spec.commandLine().getOut();
        try (Backend backend = open(wiring, device);
                KernelSpeed products =
                        new KernelSpeed(backend, large ? 512L << 20 : 1, large ? 0.05 : 0)) {
            double copy = backend.speed().bytesPerSecond();
            out.printf("%s, %s%n", device, backend.description());
            if (copy > 0) { // of devices with memory of their own
                out.printf(Locale.ROOT, "copying in its memory: %.0f GB/s%n", copy / 1e9);
            }
            TextTable table = new TextTable();
            for (DType dtype : SPEED_TYPES) {
                row(table, dtype + ", one row, " + size, products.matmul(dtype, 1, n, k), copy);
            }
            for (DType dtype : List.of(DType.Q4_K, DType.Q8_0)) {
                Measured experts =
                        products.experts(dtype, EXPERTS, large ? 2048 : 256, large ? 768 : 256);
                row(table, "%s, 8 of %d experts".formatted(dtype, EXPERTS), experts, copy);
            }
            for (DType dtype : List.of(DType.Q4_K, DType.F16, DType.BF16, DType.F32)) {
                Measured prompt = products.matmul(dtype, rows, n, k);
                row(table, "%s, %d rows, %s".formatted(dtype, rows, size), prompt, 0);
            }
            out.print(table);
        }
        return 0;
    }

    /**
     * @param copy bytes a second that the device copies, 0 where that is not the limit
     */
    private static void row(TextTable table, String what, Measured measured, double copy) {
        table.row(
                what,
                String.format(Locale.ROOT, "%.1f us", measured.seconds() * 1e6),
                copy > 0
                        ? String.format(Locale.ROOT, "%.1f GB/s", measured.bytesPerSecond() / 1e9)
                        : String.format(
                                Locale.ROOT, "%.3f TFLOP/s", measured.operationsPerSecond() / 1e12),
                copy > 0
                        ? String.format(
                                Locale.ROOT,
                                "%.0f %% of copying",
                                100 * measured.bytesPerSecond() / copy)
                        : "");
    }
}
