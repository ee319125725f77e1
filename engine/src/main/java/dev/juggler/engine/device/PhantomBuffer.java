package dev.juggler.engine.device;

import dev.juggler.kernel.Buffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A buffer that has a size and no memory, for dry runs. */
record PhantomBuffer(long byteSize) implements Buffer {
    @Override
    public @Nullable MemorySegment host() {
        return null;
    }

    @Override
    public void read(long offset, MemorySegment target) {
        throw new UnsupportedOperationException("a dry run has no data");
    }

    @Override
    public void write(long offset, MemorySegment source) {
        throw new UnsupportedOperationException("a dry run has no data");
    }

    @Override
    public void close() {
        // there is nothing to free
    }
}
