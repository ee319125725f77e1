package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Where the rows of a weight are; pointed at one weight after another, so that no call allocates.
 */
final class WeightRows {
    private static final MemorySegment NOWHERE = MemorySegment.ofArray(new byte[0]);

    private DType dtype = DType.F32;
    private MemorySegment memory = NOWHERE;
    private long start;
    private long rowBytes;
    private int columns;
    private int rows;
    private int count;

    void point(Tensor weight) {
        dtype = weight.dtype();
        memory = Operands.memory(weight);
        start = weight.offset();
        rowBytes = weight.rowBytes();
        columns = weight.columns();
        rows = weight.rows();
        count = weight.count();
    }

    DType dtype() {
        return dtype;
    }

    MemorySegment memory() {
        return memory;
    }

    /** First byte of row {@code row}; rows of a stack are counted through all its matrices. */
    long rowStart(long row) {
        return start + row * rowBytes;
    }

    long rowBytes() {
        return rowBytes;
    }

    /** Elements of a row. */
    int columns() {
        return columns;
    }

    /** Rows of one matrix. */
    int rows() {
        return rows;
    }

    /** Stacked matrices. */
    int count() {
        return count;
    }
}
