package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.NativeKernels.RowLayout;

/** Rows of activations in the layout that a weight's type wants, made once an operation. */
final class NativeRows implements WorkerTask {
    /** Elements that are worth handing to another worker. */
    private static final int LEAST_ELEMENTS = 1 << 14;

    private final KernelContext context;
    private final NativeKernels kernels;
    private final NativeMemory memory = new NativeMemory();
    private RowLayout layout = RowLayout.F32;
    private long stride;
    private long source;
    private long sourceStride;
    private int rows;
    private int columns;
    private int rowsPerPiece;

    NativeRows(KernelContext context, NativeKernels kernels) {
        this.context = context;
        this.kernels = kernels;
    }

    /**
     * Converts rows.
     *
     * @param source address of the first
     * @param sourceStride floats between rows
     */
    void load(RowLayout layout, long source, long sourceStride, int rows, int columns) {
        this.layout = layout;
        this.source = source;
        this.sourceStride = sourceStride;
        this.rows = rows;
        this.columns = columns;
        stride = kernels.rowStride(layout, columns);
        memory.reserve(rows * stride);
        int evenly = (rows + context.pool().size() - 1) / context.pool().size();
        rowsPerPiece = Math.max(1, Math.max(LEAST_ELEMENTS / columns, Math.min(evenly, 16)));
        context.pool().run(this, (rows + rowsPerPiece - 1) / rowsPerPiece);
    }

    @Override
    public void run(int index, int worker) {
        int first = index * rowsPerPiece;
        int count = Math.min(rowsPerPiece, rows - first);
        long from = source + first * sourceStride * Float.BYTES;
        long to = memory.address() + first * stride;
        kernels.quantize(layout, from, sourceStride, count, columns, to, stride);
    }

    RowLayout layout() {
        return layout;
    }

    long address() {
        return memory.address();
    }

    /** Bytes between rows. */
    long stride() {
        return stride;
    }
}
