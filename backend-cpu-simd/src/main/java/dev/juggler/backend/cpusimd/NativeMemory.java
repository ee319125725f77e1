package dev.juggler.backend.cpusimd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Memory outside the heap that grows to the largest size asked for; freed with its owner. */
final class NativeMemory {
    private static final long ALIGNMENT = 64;

    private MemorySegment memory = MemorySegment.NULL;

    /** Makes room for {@code bytes} bytes; what was there is lost if it must grow. */
    NativeMemory reserve(long bytes) {
        if (memory.byteSize() < bytes) {
            long size = Math.max(bytes, memory.byteSize() + memory.byteSize() / 2);
            memory = Arena.ofAuto().allocate(size, ALIGNMENT);
        }
        return this;
    }

    long address() {
        return memory.address();
    }

    void setInt(int index, int value) {
        memory.setAtIndex(ValueLayout.JAVA_INT, index, value);
    }

    int getInt(int index) {
        return memory.getAtIndex(ValueLayout.JAVA_INT, index);
    }

    /** Copies numbers in. */
    void set(int[] source, int count) {
        MemorySegment.copy(source, 0, memory, ValueLayout.JAVA_INT, 0, count);
    }
}
