package dev.juggler.backend.cpusimd;

import org.jspecify.annotations.Nullable;

/** What every operation works with: the workers, their memory, and the loops they run. */
final class KernelContext {
    /** Pieces for each worker: enough that one who comes late or draws a hard one delays nobody. */
    private static final int PIECES_PER_WORKER = 6;

    /** Multiply-adds, or the like, that are worth handing to another worker: some microseconds. */
    private static final long LEAST_WORK = 1 << 15;

    /** What decoding a weight costs, in multiply-adds. */
    private static final int DECODE_COST = 8;

    private final WorkerPool pool;
    private final MatrixKernels matrix;
    private final LaneKernels loops;
    private final @Nullable NativeKernels natives;
    private final WorkerScratch[] scratch;

    KernelContext(
            WorkerPool pool,
            MatrixKernels matrix,
            LaneKernels loops,
            @Nullable NativeKernels natives) {
        this.pool = pool;
        this.matrix = matrix;
        this.loops = loops;
        this.natives = natives;
        scratch = new WorkerScratch[pool.size()];
        for (int i = 0; i < scratch.length; i++) {
            scratch[i] = new WorkerScratch();
        }
    }

    WorkerPool pool() {
        return pool;
    }

    MatrixKernels matrix() {
        return matrix;
    }

    LaneKernels loops() {
        return loops;
    }

    /** Native kernels, or null where all is done in Java. */
    @Nullable NativeKernels natives() {
        return natives;
    }

    WorkerScratch scratch(int worker) {
        return scratch[worker];
    }

    /** Work of one weight row of {@code columns} with {@code xCount} rows. */
    static long rowWork(int columns, int xCount) {
        return (long) columns * (DECODE_COST + xCount);
    }

    /**
     * How many units a piece should have.
     *
     * @param units units of work in all
     * @param work work of one unit
     * @param totalWork work of all pieces of the operation, other units' included
     */
    int unitsPerPiece(int units, long work, long totalWork) {
        long pieceWork = Math.max(LEAST_WORK, totalWork / ((long) pool.size() * PIECES_PER_WORKER));
        return Math.clamp(pieceWork / Math.max(1, work), 1, Math.max(1, units));
    }

    /** As {@link #unitsPerPiece}, in whole panels. */
    int weightRowsPerPiece(int rows, long work, long totalWork) {
        int panel = matrix.panelRows();
        int panels = (rows + panel - 1) / panel;
        return panel * unitsPerPiece(panels, work * panel, totalWork);
    }
}
