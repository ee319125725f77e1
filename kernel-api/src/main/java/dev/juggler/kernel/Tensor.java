package dev.juggler.kernel;

import java.lang.foreign.MemorySegment;

/**
 * A typed, dense, row-major view into a buffer; it owns nothing.
 *
 * @param dtype element type
 * @param shape extent; {@code shape.columns()} is a whole number of the type's blocks
 * @param buffer where the bytes are
 * @param offset first byte in the buffer
 */
public record Tensor(DType dtype, Shape shape, Buffer buffer, long offset) {
    public Tensor {
        long bytes = dtype.bytes(shape.columns()) * shape.rows() * shape.count();
        if (offset < 0 || offset > buffer.byteSize() - bytes) {
            throw new IllegalArgumentException(
                    "%s %s needs %d bytes at %d of a buffer of %d"
                            .formatted(dtype, shape, bytes, offset, buffer.byteSize()));
        }
    }

    /** A view of all of {@code buffer} from its start. */
    public static Tensor of(DType dtype, int rows, int columns, Buffer buffer) {
        return new Tensor(dtype, Shape.matrix(rows, columns), buffer, 0);
    }

    /** Rows of one matrix. */
    public int rows() {
        return shape.rows();
    }

    /** Columns: elements of a row. */
    public int columns() {
        return shape.columns();
    }

    /** Stacked matrices. */
    public int count() {
        return shape.count();
    }

    /** Bytes of one row. */
    public long rowBytes() {
        return dtype.bytes(shape.columns());
    }

    /** Bytes of one matrix of the stack. */
    public long matrixBytes() {
        return rowBytes() * shape.rows();
    }

    /** Bytes of the whole view. */
    public long byteSize() {
        return matrixBytes() * shape.count();
    }

    /** View of {@code rows} rows from row {@code first} of a single matrix. */
    public Tensor slice(int first, int rows) {
        if (shape.count() != 1 || first < 0 || rows < 0 || first + rows > shape.rows()) {
            throw new IllegalArgumentException(
                    "rows %d to %d are not in %s".formatted(first, first + rows, shape));
        }
        return new Tensor(
                dtype, Shape.matrix(rows, shape.columns()), buffer, offset + first * rowBytes());
    }

    /** The same elements of a single matrix read as {@code rows} x {@code columns}. */
    public Tensor reshape(int rows, int columns) {
        if ((long) rows * columns != shape.elements()) {
            throw new IllegalArgumentException(
                    "%s cannot be read as [%d, %d]".formatted(shape, rows, columns));
        }
        return new Tensor(dtype, Shape.matrix(rows, columns), buffer, offset);
    }

    /**
     * The bytes of the view in host memory.
     *
     * @throws IllegalStateException if the buffer lives on a device that the host cannot address
     */
    public MemorySegment host() {
        MemorySegment memory = buffer.host();
        if (memory == null) {
            throw new IllegalStateException("tensor " + shape + " is not in host memory");
        }
        return memory.asSlice(offset, byteSize());
    }
}
