package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import dev.juggler.engine.device.Devices;
import dev.juggler.inference.Generation;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A device is lost at any moment while experts come and go on it, cross to it and come late beside
 * it, and several requests are in flight: each ends with the cause or with its whole answer, and
 * the model goes on without the device.
 */
@Timeout(300)
class FailingHybridTest {
    private static final DeviceSpeed FAST = new DeviceSpeed(1e15, 1e17, 25e12);

    /** Which moment it was. */
    private enum Moment {
        OPERATION,
        UPLOAD
    }

    private static String placement(int defer) {
        return """
        step-rows = 16
        placement {
          default = "sim:0"
          rules = [
            { match { role = experts }, device = reference, defer = %d,
              hot { device = "sim:0", memory = 3MiB, choose = lru, moves = 8 },
              prefill { device = "sim:0", when-rows = 4, memory = 1MiB } }
          ]
        }
        """
                .formatted(defer);
    }

    private static List<Integer> answer(LocalInference inference) throws InterruptedException {
        Generation generation =
                inference.submit(
                        DemoModel.chat("What is the capital of Italy?", Sampling.GREEDY, 12));
        return DemoModel.read(generation).end().generatedIds();
    }

    /**
     * @return whether a request has failed
     */
    private static boolean lose(Moment moment, long after, int defer, List<Integer> expected)
            throws Exception {
        SimulatedDevice card = new SimulatedDevice("sim:0").withMemory(1L << 30).withSpeed(FAST);
        Config config = DemoModel.config(placement(defer));
        int failed = 0;
        try (Devices devices = new Devices(List.of(card, new ReferenceBackend()));
                LocalInference inference = new LocalInference(config, devices);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            inference.load(DemoModel.NAME, null);
            if (moment == Moment.OPERATION) {
                card.failingAfter(after);
            } else {
                card.failingInUpload(after);
            }
            List<Future<List<Integer>>> running = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                running.add(clients.submit(() -> answer(inference)));
            }
            for (Future<List<Integer>> request : running) {
                failed += endsWell(request, defer == 0 ? expected : List.of()) ? 0 : 1;
            }
            assertEquals(failed > 0 ? Set.of("sim:0") : Set.of(), devices.quarantined().keySet());
            if (failed > 0) {
                assertEquals(expected, answer(inference), "the model goes on elsewhere");
                assertEquals(
                        Set.of("reference"),
                        inference.loaded().getFirst().bytesByDevice().keySet());
            }
        }
        assertEquals(0, card.used(), "what can be freed is freed");
        return failed > 0;
    }

    private static boolean endsWell(Future<List<Integer>> request, List<Integer> expected)
            throws InterruptedException {
        try {
            List<Integer> ids = request.get();
            assertTrue(expected.isEmpty() || expected.equals(ids), ids.toString());
            return true;
        } catch (ExecutionException e) {
            InferenceException failure =
                    assertInstanceOf(InferenceException.class, e.getCause(), "" + e.getCause());
            assertEquals(InferenceException.Kind.UNAVAILABLE, failure.kind());
            assertTrue(
                    String.valueOf(failure.getMessage()).contains("device sim:0 has failed"),
                    failure.getMessage());
            Throwable first = failure;
            while (first.getCause() != null) {
                first = first.getCause();
            }
            assertInstanceOf(DeviceFailedException.class, first);
            return false;
        }
    }

    @Test
    void whateverTheMoment() throws Exception {
        List<Integer> expected;
        try (Devices devices = DemoModel.devices();
                LocalInference inference = new LocalInference(DemoModel.config(""), devices)) {
            expected = answer(inference);
        }
        int cases = 0;
        int failures = 0;
        // prompts take some hundred operations, answers some thousand
        for (long after :
                LongStream.of(0, 1, 7, 20, 45, 90, 140, 230, 400, 700, 1100, 1700).toArray()) {
            failures += lose(Moment.OPERATION, after, cases % 2, expected) ? 1 : 0;
            cases++;
        }
        // the last one may be behind the answers, which share steps as it happens
        assertTrue(failures >= cases - 1, failures + " of " + cases);
        for (long after : LongStream.of(0, 1, 2, 11, 30).toArray()) {
            failures += lose(Moment.UPLOAD, after, cases % 2, expected) ? 1 : 0;
            cases++;
        }
        assertTrue(failures >= cases - 3, failures + " of " + cases);
        System.out.printf("lost at any moment: %d cases, in %d requests failed%n", cases, failures);
    }
}
