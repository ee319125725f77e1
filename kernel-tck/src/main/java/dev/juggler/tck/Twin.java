package dev.juggler.tck;

import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.BlockFormats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;

/**
 * One tensor twice, with the same content: on the device under test and in host memory for the
 * reference. Guard bytes lie around both.
 */
final class Twin {
    /** Guard bytes on either side; keeps the alignment of what lies between. */
    static final int GUARD = 256;

    private static final byte GUARD_BYTE = (byte) 0xA5;

    final Tensor reference;
    final Tensor device;

    /** Whether operations may change it. */
    final boolean written;

    private final byte[] initial;

    /**
     * @param shift bytes by which the tensor lies off the alignment of the buffer
     */
    Twin(Buffer buffer, DType dtype, Shape shape, byte[] content, int shift, boolean written) {
        this.written = written;
        initial = new byte[content.length + 2 * GUARD + shift];
        Arrays.fill(initial, GUARD_BYTE);
        System.arraycopy(content, 0, initial, GUARD + shift, content.length);
        MemorySegment memory = Arena.ofAuto().allocate(initial.length, HostBuffer.ALIGNMENT);
        MemorySegment.copy(initial, 0, memory, ValueLayout.JAVA_BYTE, 0, initial.length);
        reference = new Tensor(dtype, shape, HostBuffer.adopt(memory), (long) GUARD + shift);
        device = new Tensor(dtype, shape, buffer, (long) GUARD + shift);
        restore();
    }

    /** Bytes of a buffer that holds {@code content} bytes between guards. */
    static long bufferBytes(int content, int shift) {
        return content + 2L * GUARD + shift;
    }

    /** Gives the device its initial content again. */
    void restore() {
        MemorySegment staging = Arena.ofAuto().allocate(initial.length);
        MemorySegment.copy(initial, 0, staging, ValueLayout.JAVA_BYTE, 0, initial.length);
        device.buffer().write(0, staging);
    }

    /** The device's bytes, guards included. */
    byte[] deviceBytes() {
        MemorySegment staging = Arena.ofAuto().allocate(initial.length);
        device.buffer().read(0, staging);
        return staging.toArray(ValueLayout.JAVA_BYTE);
    }

    /** The initial values. */
    float[] values() {
        return decode(MemorySegment.ofArray(initial));
    }

    /** The values that the device holds now. */
    float[] deviceValues() {
        return decode(MemorySegment.ofArray(deviceBytes()));
    }

    /** The values that the reference holds now. */
    float[] referenceValues() {
        return decode(referenceMemory());
    }

    /** The device's I32 elements. */
    int[] deviceIds() {
        return ids(MemorySegment.ofArray(deviceBytes()));
    }

    /** The reference's I32 elements. */
    int[] referenceIds() {
        return ids(referenceMemory());
    }

    /**
     * @throws AssertionError if bytes changed that must not
     */
    void assertUntouched(String name) {
        byte[] now = deviceBytes();
        int from = (int) device.offset();
        int to = from + (int) device.byteSize();
        for (int i = 0; i < now.length; i++) {
            boolean mayChange = written && i >= from && i < to;
            if (!mayChange && now[i] != initial[i]) {
                throw new AssertionError(
                        "%s: byte %d of %s %s (%d to %d) was overwritten"
                                .formatted(name, i, device.dtype(), device.shape(), from, to));
            }
        }
    }

    /**
     * @throws AssertionError if the device holds anything else than at first
     */
    void assertUnchanged(String name) {
        if (!Arrays.equals(initial, deviceBytes())) {
            throw new AssertionError(
                    "%s: a refused call changed %s %s"
                            .formatted(name, device.dtype(), device.shape()));
        }
    }

    private MemorySegment referenceMemory() {
        return Objects.requireNonNull(reference.buffer().host());
    }

    private float[] decode(MemorySegment memory) {
        float[] values = new float[(int) device.shape().elements()];
        BlockFormats.of(device.dtype())
                .dequantize(memory, device.offset(), values, 0, values.length);
        return values;
    }

    private int[] ids(MemorySegment memory) {
        return memory.asSlice(device.offset(), device.byteSize())
                .toArray(ValueLayout.JAVA_INT_UNALIGNED);
    }
}
