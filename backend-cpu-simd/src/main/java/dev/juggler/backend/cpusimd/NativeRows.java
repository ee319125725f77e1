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
    private long which;
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
        load(layout, source, sourceStride, 0, rows, columns);
    }

    /**
     * Converts rows in another order.
     *
     * @param which address of their numbers, 32 bits each, negative for one of zeros; 0: in order
     */
    void load(RowLayout layout, long source, long sourceStride, long which, int rows, int columns) {
        this.layout = layout;
        this.source = source;
        this.which = which;
        this.sourceStride = sourceStride;
        this.rows = rows;
        this.columns = columns;
        stride = kernels.rowStride(layout, columns);
        int together = layout.rowsTogether();
        memory.reserve(whole(rows, together) * stride);
        int evenly = (rows + context.pool().size() - 1) / context.pool().size();
        int worthIt = Math.max(1, Math.max(LEAST_ELEMENTS / columns, Math.min(evenly, 16)));
        rowsPerPiece = whole(worthIt, together);
        context.pool().run(this, (rows + rowsPerPiece - 1) / rowsPerPiece);
    }

    @Override
    public void run(int index, int worker) {
        int first = index * rowsPerPiece;
        int count = Math.min(rowsPerPiece, rows - first);
        long from = which == 0 ? source + first * sourceStride * Float.BYTES : source;
        long numbers = which == 0 ? 0 : which + (long) first * Integer.BYTES;
        long to = memory.address() + first * stride;
        kernels.quantize(layout, from, sourceStride, numbers, count, columns, to, stride);
    }

    private static int whole(int n, int of) {
        return (n + of - 1) / of * of;
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
