package dev.juggler.backend.cpusimd;

/** Work that is done row by row, rows apart from each other. */
abstract class RowTask implements WorkerTask {
    final KernelContext context;
    private int rows;
    private int rowsPerPiece;

    RowTask(KernelContext context) {
        this.context = context;
    }

    /** Does one row. */
    abstract void row(int row, int worker);

    /**
     * Does all rows, by several workers where it is worth it.
     *
     * @param work of a row, in multiply-adds or the like
     */
    final void runRows(int rows, long work) {
        this.rows = rows;
        rowsPerPiece = context.unitsPerPiece(rows, work, work * rows);
        context.pool().run(this, (rows + rowsPerPiece - 1) / rowsPerPiece);
    }

    @Override
    public final void run(int index, int worker) {
        int end = Math.min(rows, (index + 1) * rowsPerPiece);
        for (int row = index * rowsPerPiece; row < end; row++) {
            row(row, worker);
        }
    }
}
