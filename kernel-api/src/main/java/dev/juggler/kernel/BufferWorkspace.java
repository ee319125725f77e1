package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/** A workspace in one buffer. Views are remembered, so that a repeated step allocates nothing. */
public final class BufferWorkspace implements Workspace {
    private static final long ALIGNMENT = 256;
    private static final int REMEMBERED = 1 << 13;

    private final Buffer buffer;

    /** A direct-mapped cache of views; a collision costs one small object. */
    private final @Nullable Tensor[] remembered = new @Nullable Tensor[REMEMBERED];

    private long top;

    public BufferWorkspace(Buffer buffer) {
        this.buffer = buffer;
    }

    /** Bytes that a workspace needs for one tensor, padding included. */
    public static long bytesFor(DType dtype, int rows, int columns) {
        return align(dtype.bytes(columns) * rows);
    }

    @Override
    public Tensor take(DType dtype, int rows, int columns) {
        long offset = top;
        long bytes = dtype.bytes(columns) * rows;
        if (offset + bytes > buffer.byteSize()) {
            throw new IllegalStateException(
                    "the workspace of %d bytes is too small: %d are in use and %s [%d, %d] needs %d"
                            .formatted(buffer.byteSize(), offset, dtype, rows, columns, bytes));
        }
        top = offset + align(bytes);
        return view(dtype, rows, columns, offset);
    }

    @Override
    public long mark() {
        return top;
    }

    @Override
    public void release(long mark) {
        top = mark;
    }

    private static long align(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    private Tensor view(DType dtype, int rows, int columns, long offset) {
        long key = (offset / ALIGNMENT * 31 + rows) * 31 + columns + dtype.ggmlId() * 7L;
        int slot = (int) ((key * 0x9E3779B97F4A7C15L) >>> 51);
        Tensor known = remembered[slot];
        if (known != null
                && known.offset() == offset
                && known.dtype() == dtype
                && known.rows() == rows
                && known.columns() == columns) {
            return known;
        }
        Tensor made = new Tensor(dtype, Shape.matrix(rows, columns), buffer, offset);
        remembered[slot] = made;
        return made;
    }
}
