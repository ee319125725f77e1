package dev.juggler.tck;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.FaultyBackend.Fault;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/** Runs parts of the kit on backends with one fault, and expects it to notice. */
abstract class FaultTest {
    private final List<DynamicTest> tests = new ArrayList<>();

    /** What {@link #fault} has made so far. */
    final List<DynamicTest> tests() {
        return tests;
    }

    /**
     * At least one case fails.
     *
     * @param name what is wrong; its first word is the operation
     * @param cases how the names of the cases begin that have to notice
     */
    final void fault(
            String name, Function<Subject, List<DynamicTest>> group, String cases, Fault fault) {
        String operation = name.substring(0, name.indexOf(' '));
        tests.add(
                DynamicTest.dynamicTest(
                        name,
                        () -> {
                            Subject subject =
                                    new Subject(
                                            () -> new FaultyBackend(operation, fault),
                                            (o, d) -> Tolerance.F32,
                                            System.nanoTime());
                            assertTrue(
                                    isCaught(group.apply(subject), cases),
                                    name + " was not noticed");
                            subject.backend().close();
                        }));
    }

    private static boolean isCaught(List<DynamicTest> cases, String prefix) throws Throwable {
        for (DynamicTest test : cases) {
            if (test.getDisplayName().startsWith(prefix)) {
                try {
                    test.getExecutable().execute();
                } catch (AssertionError caught) {
                    return true;
                }
            }
        }
        return false;
    }

    static Tensor tensor(@Nullable Object[] arguments, int index) {
        return (Tensor) Objects.requireNonNull(arguments[index]);
    }

    static int number(@Nullable Object[] arguments, int index) {
        return (Integer) Objects.requireNonNull(arguments[index]);
    }

    static MemorySegment memory(Tensor tensor) {
        return Objects.requireNonNull(tensor.buffer().host());
    }

    static int id(Tensor ids, int index) {
        return memory(ids).get(ValueLayout.JAVA_INT_UNALIGNED, ids.offset() + 4L * index);
    }

    static float get(Tensor tensor, int row, int column) {
        return memory(tensor).get(ValueLayout.JAVA_FLOAT_UNALIGNED, address(tensor, row, column));
    }

    static void set(Tensor tensor, int row, int column, float value) {
        memory(tensor).set(ValueLayout.JAVA_FLOAT_UNALIGNED, address(tensor, row, column), value);
    }

    static long address(Tensor tensor, int row, int column) {
        return tensor.offset() + ((long) row * tensor.columns() + column) * Float.BYTES;
    }

    static Tensor filled(int columns, int value) {
        int[] values = new int[columns];
        Arrays.fill(values, value);
        return Tensor.of(DType.I32, 1, columns, HostBuffer.adopt(MemorySegment.ofArray(values)));
    }

    static Tensor copyOf(Tensor tensor) {
        byte[] bytes = tensor.host().toArray(ValueLayout.JAVA_BYTE);
        return new Tensor(
                tensor.dtype(), tensor.shape(), HostBuffer.adopt(MemorySegment.ofArray(bytes)), 0);
    }
}
