package dev.juggler.launcher.endtoend;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** What a decoded token costs in heap memory, over all threads, with the built-in model. */
@Isolated("bytes of all threads are counted")
class DecodeAllocationTest {
    private static final int WARM_UP = 3000;
    private static final int STEPS = 500;
    private static final int ROUNDS = 5;

    /** Views that the compiler does not always remove; less than two rows of activations. */
    private static final long LIMIT = 2048;

    private static final int CAPACITY = 256;

    @Test
    void aTokenAllocatesNoBuffer() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Devices devices =
                        new Devices(
                                List.of(
                                        new CpuSimdBackendProvider()
                                                .open(BackendOptions.of("cpu"))));
                GgufFile file =
                        GgufFile.open(
                                Path.of("src/main/resources/models/juggler-demo-moe-q8_0.gguf"));
                PlacedModel model =
                        ModelLoader.builtIn().load(file, WeightDevices.all("cpu"), devices);
                SequenceRunner runner = new SequenceRunner(model, DType.F16, CAPACITY, 16)) {
            int[] token = {7};
            decode(runner, token, WARM_UP);
            long[] rounds = new long[ROUNDS];
            for (int i = 0; i < ROUNDS; i++) {
                long before = threads.getTotalThreadAllocatedBytes();
                decode(runner, token, STEPS);
                rounds[i] = (threads.getTotalThreadAllocatedBytes() - before) / STEPS;
            }
            Arrays.sort(rounds);
            long bytes = rounds[ROUNDS / 2];
            System.out.printf("decode: %d bytes a token on the heap%n", bytes);
            assertTrue(bytes < LIMIT, () -> "a decoded token allocates %d bytes".formatted(bytes));
        }
    }

    private static void decode(SequenceRunner runner, int[] token, int steps) {
        for (int i = 0; i < steps; i++) {
            if (runner.length() == CAPACITY) {
                runner.clear();
            }
            runner.run(token, false, (position, logits) -> {});
        }
    }
}
