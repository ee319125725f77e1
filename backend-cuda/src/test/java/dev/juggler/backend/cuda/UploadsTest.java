package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Transfer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Bytes that come to a device beside its computing, and from one device to another, on devices that
 * do nothing before somebody waits: a wait that is missing gives wrong results every time.
 */
@Timeout(60)
class UploadsTest {
    private static final long MEMORY = 256L << 20;
    private static final int POLLS = 1000;

    private static Tensor floats(Backend backend, int count) {
        return Tensor.of(DType.F32, 1, count, backend.allocate(4L * count));
    }

    private static void fill(Tensor tensor, float value) {
        float[] values = new float[tensor.columns()];
        Arrays.fill(values, value);
        tensor.buffer().write(0, MemorySegment.ofArray(values));
    }

    private static MemorySegment constants(int count, float value) {
        float[] values = new float[count];
        Arrays.fill(values, value);
        return MemorySegment.ofArray(values);
    }

    private static void assertAll(float expected, Tensor tensor) {
        float[] actual = new float[tensor.columns()];
        tensor.buffer().read(0, MemorySegment.ofArray(actual));
        for (int i = 0; i < actual.length; i++) {
            assertEquals(expected, actual[i], "element " + i);
        }
    }

    private static void poll(Transfer transfer) {
        for (int i = 0; !transfer.isDone(); i++) {
            assertTrue(i < POLLS, "it never arrives");
            Thread.onSpinWait();
            pause();
        }
    }

    private static void pause() {
        try {
            Thread.sleep(1);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** More than the pinned memory holds at once. */
    @Test
    void joiningOrdersWhatFollowsBehindTheBytes() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        int count = (10 << 20) + 5;
        try (Backend backend = HostBackends.open(driver, 0, false)) {
            Tensor x = floats(backend, count);
            Tensor sum = floats(backend, count);
            fill(x, 1);
            Transfer transfer = backend.upload(x.buffer(), 0, constants(count, 3));
            float[] last = new float[1]; // nobody has joined, so nobody waits for the bytes
            x.buffer().read(4L * (count - 1), MemorySegment.ofArray(last));
            assertEquals(1, last[0]);
            transfer.join();
            backend.kernels().add(sum, x, x);
            assertAll(6, sum);
            assertTrue(transfer.isDone());
            transfer.join();
            assertAll(3, x);
        }
        assertEquals(0, driver.device(0).used());
    }

    @Test
    void bytesThatAreStillReadAreNotOverwritten() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        try (Backend backend = HostBackends.open(driver, 0, false)) {
            Tensor x = floats(backend, 5000);
            Tensor sum = floats(backend, 5000);
            fill(x, 1);
            backend.kernels().add(sum, x, x);
            Transfer transfer = backend.upload(x.buffer(), 0, constants(5000, 3));
            poll(transfer); // asks the uploads' stream alone to go on
            assertAll(2, sum);
            assertAll(3, x);
        }
    }

    /** As a model with a cache of experts does it: several at a time, asked for now and then. */
    @Test
    void manyUploadsInAnyOrder() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        Random random = new Random(17);
        int places = 6;
        int most = 9 << 20;
        try (Backend backend = HostBackends.open(driver, 0, false);
                Arena arena = Arena.ofShared()) {
            Buffer buffer = backend.allocate((long) places * most);
            byte[][] contents = new byte[places][most];
            List<Transfer> underWay = new ArrayList<>();
            for (int round = 0; round < 12; round++) {
                for (int place = 0; place < places; place++) {
                    if (random.nextInt(3) == 0) {
                        continue;
                    }
                    int bytes = random.nextInt(4) == 0 ? most : random.nextInt(70_000);
                    int from = random.nextInt(most - bytes + 1);
                    byte[] part = new byte[bytes];
                    random.nextBytes(part);
                    System.arraycopy(part, 0, contents[place], from, bytes);
                    MemorySegment source = arena.allocate(Math.max(1, bytes)).asSlice(0, bytes);
                    source.copyFrom(MemorySegment.ofArray(part));
                    underWay.add(backend.upload(buffer, (long) place * most + from, source));
                }
                for (Transfer transfer : underWay) {
                    if (random.nextBoolean()) {
                        poll(transfer);
                    }
                    transfer.join();
                }
                underWay.clear();
                int place = random.nextInt(places);
                byte[] actual = new byte[most];
                buffer.read((long) place * most, MemorySegment.ofArray(actual));
                assertArrayEquals(contents[place], actual, "round " + round);
            }
            assertThrows(
                    IndexOutOfBoundsException.class,
                    () -> backend.upload(buffer, 1, arena.allocate(buffer.byteSize())));
        }
    }

    @Test
    void memoryThatIsGivenBackIsNotWrittenAnyMore() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        try (Backend backend = HostBackends.open(driver, 0, false)) {
            for (int count : new int[] {1000, 6 << 20}) {
                Tensor x = floats(backend, count);
                Transfer unused = backend.upload(x.buffer(), 0, constants(count, 3));
                x.buffer().close(); // a piece that is written now would be found by the device
                Tensor y = floats(backend, count);
                fill(y, 5);
                backend.synchronize();
                assertTrue(unused.isDone());
                assertAll(5, y);
                y.buffer().close();
            }
        }
        assertEquals(0, driver.device(0).used());
    }

    @Test
    void whatIsNeverJoinedDoesNotKeepADeviceOpen() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        Backend backend = HostBackends.open(driver, 0, false);
        Tensor x = floats(backend, 6 << 20);
        backend.upload(x.buffer(), 0, constants(6 << 20, 3));
        backend.close();
        assertEquals(0, driver.device(0).used());
        assertThrows(BackendException.class, () -> backend.upload(x.buffer(), 0, constants(1, 3)));
    }

    @Test
    void aSourceThatCannotBeReadIsTold() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        try (Backend backend = HostBackends.open(driver, 0, false)) {
            Tensor x = floats(backend, 1000);
            MemorySegment gone;
            try (Arena arena = Arena.ofShared()) {
                gone = arena.allocate(4000);
            }
            Transfer transfer = backend.upload(x.buffer(), 0, gone);
            BackendException told = assertThrows(BackendException.class, transfer::join);
            assertTrue(
                    String.valueOf(told.getMessage()).contains("4000 bytes could not be copied"),
                    told.getMessage());
            fill(x, 2); // the device is in order
            assertAll(2, x);
        }
    }

    @Test
    void aDeviceThatFailsMeanwhileIsTold() {
        HostDriver driver = HostBackends.driver(1, MEMORY);
        Backend backend = HostBackends.open(driver, 0, false);
        Tensor x = floats(backend, 6 << 20);
        backend.synchronize();
        driver.device(0).failAfter(2); // of seven pieces
        Transfer transfer = backend.upload(x.buffer(), 0, constants(6 << 20, 3));
        assertThrows(
                DeviceFailedException.class,
                () -> {
                    transfer.join();
                    backend.synchronize();
                });
        assertThrows(DeviceFailedException.class, transfer::isDone);
        assertThrows(DeviceFailedException.class, transfer::join);
        x.buffer().close();
        backend.close();
    }

    @Test
    void devicesCopyFromEachOtherInOrder() {
        HostDriver driver = HostBackends.driver(2, MEMORY);
        try (Backend first = HostBackends.open(driver, 0, false);
                Backend second = HostBackends.open(driver, 1, false)) {
            Tensor here = floats(first, 3000);
            Tensor there = floats(second, 3000);
            fill(here, 1);
            for (int round = 0; round < 4; round++) {
                first.kernels().add(here, here, here);
                assertTrue(there.buffer().copyDirectly(0, here.buffer(), 0, 12000));
                first.kernels().add(here, here, here); // not before it is copied
                if (round % 2 == 0) {
                    first.synchronize();
                }
                second.kernels().add(there, there, there);
                assertTrue(here.buffer().copyDirectly(8, there.buffer(), 8, 11992));
            }
            second.synchronize();
            float[] actual = new float[3000];
            here.buffer().read(0, MemorySegment.ofArray(actual));
            assertEquals(256, actual[0], "doubled twice a round");
            assertEquals(256, actual[2999], "doubled here, and there");
            assertEquals(4 * (12000L + 0), driver.device(1).peerBytes());
            assertEquals(4 * 11992L, driver.device(0).peerBytes());
            assertThrows(
                    IndexOutOfBoundsException.class,
                    () -> here.buffer().copyDirectly(1, there.buffer(), 0, 12000));
            assertFalse(here.buffer().copyDirectly(0, here.buffer(), 0, 100));
        }
    }

    @Test
    void devicesThatDoNotReachEachOtherSaySo() {
        HostDriver driver = HostBackends.driver(2, MEMORY);
        driver.device(0).reachesNobody();
        try (Backend first = HostBackends.open(driver, 0, false);
                Backend second = HostBackends.open(driver, 1, false)) {
            Tensor here = floats(first, 30);
            Tensor there = floats(second, 30);
            assertFalse(here.buffer().copyDirectly(0, there.buffer(), 0, 120));
            assertTrue(there.buffer().copyDirectly(0, here.buffer(), 0, 120));
        }
    }
}
