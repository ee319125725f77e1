package dev.juggler.backend.cpusimd;

/** Cuts the weights of all experts of a step into pieces of about equal work. */
final class ExpertPieces {
    private int[] experts = new int[0];
    private int[] firsts = new int[0];
    private int[] counts = new int[0];
    private int size;

    /**
     * @param rows weight rows of an expert
     * @param columns elements of a weight row
     */
    void plan(KernelContext context, ExpertGroups groups, int rows, int columns) {
        long total = 0;
        for (int e = 0; e < groups.experts(); e++) {
            if (groups.size(e) > 0) {
                total += rows * KernelContext.rowWork(columns, groups.size(e));
            }
        }
        size = 0;
        for (int e = 0; e < groups.experts(); e++) {
            if (groups.size(e) > 0) {
                long work = KernelContext.rowWork(columns, groups.size(e));
                cut(e, rows, context.weightRowsPerPiece(rows, work, total));
            }
        }
    }

    private void cut(int expert, int rows, int step) {
        for (int first = 0; first < rows; first += step) {
            if (size == experts.length) {
                int more = Math.max(64, 2 * size);
                experts = java.util.Arrays.copyOf(experts, more);
                firsts = java.util.Arrays.copyOf(firsts, more);
                counts = java.util.Arrays.copyOf(counts, more);
            }
            experts[size] = expert;
            firsts[size] = first;
            counts[size] = Math.min(step, rows - first);
            size++;
        }
    }

    /** Number of pieces. */
    int size() {
        return size;
    }

    int expert(int piece) {
        return experts[piece];
    }

    /** First weight row of a piece inside its expert. */
    int first(int piece) {
        return firsts[piece];
    }

    /** Weight rows of a piece. */
    int count(int piece) {
        return counts[piece];
    }
}
