package dev.juggler.backend.cpusimd;

import java.util.Arrays;

/**
 * What native operations share: kernels, workers with their scratch memory, and the cutting of an
 * operation into pieces. A piece is a run of weight rows of one group (an expert, or all) with the
 * rows of x that go through it; workers take pieces one by one, so skewed groups idle nobody.
 */
final class NativeWork {
    /** Pieces for each worker: enough that one who comes late delays nobody. */
    private static final int PIECES_PER_WORKER = 8;

    /** Weight rows that are taken apart together in the widest kernels. */
    private static final int PANEL = 32;

    /** Work below which handing over costs more than it gains, in bytes read. */
    private static final long LEAST_WORK = 1 << 15;

    /** Multiply-adds that take as long as reading a byte. */
    private static final int PRODUCTS_OF_BYTE = 6;

    /** Bytes of a cache line, so that workers have none in common. */
    private static final long LINE = 64;

    private final KernelContext context;
    private final NativeKernels kernels;
    private final NativeMemory scratch = new NativeMemory();

    private final long scratchBytes;

    private int[] groups = new int[0];
    private int[] firsts = new int[0];
    private int[] counts = new int[0];
    private int pieces;

    NativeWork(KernelContext context, NativeKernels kernels) {
        this.context = context;
        this.kernels = kernels;
        scratchBytes = (kernels.scratchBytes() + LINE - 1) / LINE * LINE;
        scratch.reserve(scratchBytes * context.pool().size());
    }

    KernelContext context() {
        return context;
    }

    NativeKernels kernels() {
        return kernels;
    }

    long scratch(int worker) {
        return scratch.address() + worker * scratchBytes;
    }

    /** Forgets the last plan. */
    void clear() {
        pieces = 0;
    }

    /** What a weight row costs with {@code xCount} rows of x. */
    static long rowWork(long rowBytes, int columns, int xCount) {
        return rowBytes + (long) columns * xCount / PRODUCTS_OF_BYTE;
    }

    /**
     * Cuts the rows of a group into pieces.
     *
     * @param rowWork work of one weight row
     * @param totalWork work of all groups
     */
    void cut(int group, int rows, long rowWork, long totalWork) {
        long share = totalWork / ((long) context.pool().size() * PIECES_PER_WORKER);
        long wanted = Math.max(LEAST_WORK, share) / Math.max(1, rowWork);
        long panels = Math.clamp((wanted + PANEL / 2) / PANEL, 1, (rows + PANEL - 1) / PANEL);
        int step = (int) panels * PANEL;
        for (int first = 0; first < rows; first += step) {
            if (pieces == groups.length) {
                int more = Math.max(64, 2 * pieces);
                groups = Arrays.copyOf(groups, more);
                firsts = Arrays.copyOf(firsts, more);
                counts = Arrays.copyOf(counts, more);
            }
            groups[pieces] = group;
            firsts[pieces] = first;
            counts[pieces] = Math.min(step, rows - first);
            pieces++;
        }
    }

    /** Has the workers do all pieces of the plan. */
    void run(WorkerTask task) {
        context.pool().run(task, pieces);
    }

    int group(int piece) {
        return groups[piece];
    }

    /** First weight row of a piece inside its group's matrix. */
    int first(int piece) {
        return firsts[piece];
    }

    /** Weight rows of a piece. */
    int count(int piece) {
        return counts[piece];
    }
}
