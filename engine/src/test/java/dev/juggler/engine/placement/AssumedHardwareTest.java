package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Machines in words. */
class AssumedHardwareTest {
    @Test
    void readsDevicesAndLink() {
        Hardware hardware =
                AssumedHardware.parse(
                        " cpu=512GiB@80GB/s, cuda:0=24GiB@1008GB/s , pcie=25GB/s,cuda:1=80GB@3.35TB/s@989TFLOPS");
        assertEquals(List.of("cuda:0", "cuda:1", "cpu"), hardware.names());
        assertEquals(25e9, hardware.linkBytesPerSecond());
        DeviceBudget small = hardware.devices().getFirst();
        assertEquals(24L << 30, small.memory().free());
        assertEquals(1008e9, small.bytesPerSecond());
        assertEquals(1008e11, small.operationsPerSecond(), "100 operations a byte");
        DeviceBudget large = hardware.devices().get(1);
        assertEquals(80_000_000_000L, large.memory().total());
        assertEquals(3.35e12, large.bytesPerSecond(), 1);
        assertEquals(989e12, large.operationsPerSecond(), 1);
        DeviceBudget cpu = hardware.devices().getLast();
        assertTrue(cpu.hostMemory() && !small.hostMemory());
        assertEquals(1.6e12, cpu.operationsPerSecond());
    }

    @Test
    void aLinkIsAssumedWhereNoneIsGiven() {
        Hardware hardware = AssumedHardware.parse("cpu=1.5TiB@400gb/s");
        assertEquals(Hardware.USUAL_LINK, hardware.linkBytesPerSecond());
        assertEquals((3L << 40) / 2, hardware.devices().getFirst().memory().free());
    }

    @Test
    void mistakesNameThePieceTheValueAndTheRemedy() {
        refused("", "\"\" names no value", "e.g. cuda:0=24GiB");
        refused("cpu=8GiB@9GB/s,", "\"\" names no value");
        refused("cpu", "\"cpu\" names no value");
        refused("cpu=8GiB", "cpu = \"8GiB\" must be MEMORY@BANDWIDTH");
        refused("cpu=8GiB@1GB/s@1TFLOPS@2", "must be MEMORY@BANDWIDTH");
        refused("cpu=8GiB/s@1GB/s", "memory of cpu is \"8GiB/s\"", "such as 24GiB");
        refused("cpu=-8GiB@1GB/s", "memory of cpu is \"-8GiB\"");
        refused("cpu=0GiB@1GB/s", "memory of cpu is \"0GiB\"");
        refused("cpu=8@1GB/s", "memory of cpu is \"8\"");
        refused("cpu=8GiB@1GB", "bandwidth of cpu is \"1GB\"", "such as 1008GB/s");
        refused("cpu=8GiB@1GB/s@5", "compute of cpu is \"5\"", "such as 165TFLOPS");
        refused("cpu=8GiB@1GB/s@5GiFLOPS", "compute of cpu");
        refused("pcie=fast,cpu=8GiB@1GB/s", "pcie is \"fast\"");
        refused("pcie=1GB/s,pcie=1GB/s,cpu=8GiB@1GB/s", "pcie is given twice");
        refused("cpu=8GiB@1GB/s,cpu=8GiB@1GB/s", "device cpu is given twice");
        refused("cuda:x=8GiB@1GB/s", "\"cuda:x\" in \"cuda:x=8GiB@1GB/s\" is no name");
        refused("auto=8GiB@1GB/s", "\"auto\" in");
        refused("cuda:0=24GiB@1008GB/s", "there is no cpu among [cuda:0]; add one");
    }

    private static void refused(String text, String... parts) {
        String message =
                String.valueOf(
                        assertThrows(PlacementException.class, () -> AssumedHardware.parse(text))
                                .getMessage());
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
    }
}
