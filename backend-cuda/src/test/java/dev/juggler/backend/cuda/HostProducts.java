package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverProducts;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The vendor's products on an emulated device: plain loops, done when the stream comes to them. */
record HostProducts(HostDevice.Memory memory, HostStream stream) implements DriverProducts {
    @Override
    public void multiply(Matrix out, Matrix x, long weight, int rows, int n, int k) {
        stream.enqueue(() -> {
            float[] weights = halves(weight, (long) n * k);
            for (int row = 0; row < rows; row++) {
                float[] left = halves(x.address() + 2L * row * x.width(), k);
                MemorySegment result = memory.at(out.address() + 4L * row * out.width(), 4L * n);
                for (int i = 0; i < n; i++) {
                    float sum = 0;
                    for (int j = 0; j < k; j++) {
                        sum += left[j] * weights[i * k + j];
                    }
                    result.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, sum);
                }
            }
        });
    }

    private float[] halves(long address, long count) {
        MemorySegment bytes = memory.at(address, 2 * count);
        float[] values = new float[Math.toIntExact(count)];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.float16ToFloat(bytes.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i));
        }
        return values;
    }

    @Override
    public void close() {
        // nothing is held
    }
}
