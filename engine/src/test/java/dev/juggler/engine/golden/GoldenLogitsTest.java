package dev.juggler.engine.golden;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.tck.GoldenLogits;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

/** Every golden model: whole sequences, single tokens, chunks; F32 and F16 caches. */
class GoldenLogitsTest {
    private static final List<String> SEQUENCES = List.of("seq16", "seq200");

    /**
     * Short sequences, of those of all files, in which rounding may choose another expert once,
     * where it did not for the engines that the limits come from.
     */
    private static final int MOST_FLIPPED = 1;

    /**
     * The reference; the backend that users run on, which must compute the same where they ask for
     * exact results; as they get it otherwise, with activations of 8 bits on most machines; and as
     * they get it where there are no native kernels.
     */
    private enum Subject {
        REFERENCE,
        EXACT,
        DEFAULT,
        JAVA;

        Backend open() {
            return switch (this) {
                case REFERENCE -> new ReferenceBackend();
                case EXACT -> cpu(true, "auto");
                case DEFAULT -> cpu(false, "auto");
                case JAVA -> cpu(false, "vector");
            };
        }

        private static Backend cpu(boolean exact, String kernels) {
            return new CpuSimdBackendProvider()
                    .open(new BackendOptions("cpu", exact, Map.of("kernels", kernels)));
        }
    }

    @Test
    void wholeSequenceInOneStep() {
        run("whole", 200, DType.F32, "f32");
    }

    @Test
    void oneTokenAStep() {
        run("one by one", 1, DType.F32, "f32");
    }

    @Test
    void chunksOfSeven() {
        run("chunks of 7", 7, DType.F32, "f32");
    }

    @Test
    void halfPrecisionCache() {
        run("F16 cache", 200, DType.F16, "f16");
    }

    private static void run(String mode, int rowsPerStep, DType kvType, String toleranceClass) {
        List<String> problems = new ArrayList<>();
        for (Subject subject : Subject.values()) {
            boolean rounds = subject == Subject.DEFAULT || subject == Subject.JAVA;
            try (Devices devices = new Devices(List.of(subject.open()))) {
                run(
                        subject + " " + mode,
                        rowsPerStep,
                        kvType,
                        toleranceClass,
                        rounds,
                        devices,
                        problems);
            }
        }
        assertTrue(problems.isEmpty(), () -> String.join("\n", problems));
    }

    private static void run(
            String mode,
            int rowsPerStep,
            DType kvType,
            String toleranceClass,
            boolean rounds,
            Devices devices,
            List<String> problems) {
        String device = devices.names().iterator().next();
        int cases = 0;
        int passed = 0;
        int skipped = 0;
        List<String> flipped = new ArrayList<>();
        for (String name : GoldenModels.all()) {
            cases += SEQUENCES.size();
            try (GgufFile file = GoldenModels.open(name);
                    PlacedModel model =
                            ModelLoader.builtIn().load(file, WeightDevices.all(device), devices)) {
                for (String sequence : SEQUENCES) {
                    GoldenLogits golden = GoldenLogits.of(name, sequence);
                    float[][] logits =
                            GoldenModels.logits(model, kvType, golden.ids(), rowsPerStep);
                    GoldenLogits.Verdict verdict =
                            golden.judge(
                                    logits, rounds && hasNative(name) ? "native" : toleranceClass);
                    passed += verdict.problems().isEmpty() ? 1 : 0;
                    verdict.problems().forEach(problem -> problems.add(mode + ", " + problem));
                    if (verdict.flipped()) {
                        flipped.add(name);
                    }
                }
            } catch (TestAbortedException e) {
                skipped += SEQUENCES.size();
            }
        }
        System.out.printf(
                "golden logits, %s, %s: %d cases, %d passed, %d skipped; another expert once: %s%n",
                device, mode, cases, passed, skipped, flipped.isEmpty() ? "none" : flipped);
        if (flipped.size() > MOST_FLIPPED) {
            problems.add(mode + ", another expert in " + flipped);
        }
        assertTrue(cases > skipped);
    }

    private static boolean hasNative(String name) {
        return GoldenLogits.of(name, "seq200").has("native");
    }
}
