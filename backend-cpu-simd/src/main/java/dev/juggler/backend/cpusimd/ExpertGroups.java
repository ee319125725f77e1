package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Tensor;
import java.util.Arrays;

/**
 * The choices of a step sorted by expert, so that each expert's weights are read once: a counting
 * sort, stable, of those choices whose expert is here.
 */
final class ExpertGroups {
    private int[] ids = new int[0];
    private int[] order = new int[0];
    private int[] starts = new int[0];
    private int choices;
    private int experts;
    private int used;

    /**
     * Sorts the choices of rows {@code [firstRow, firstRow + rows)}.
     *
     * @param ids I32 [rows, used]; negative: not here
     * @throws IllegalArgumentException if an id is not below {@code experts}
     */
    void sort(Tensor ids, int firstRow, int rows, int experts) {
        load(ids, firstRow, rows);
        this.experts = experts;
        order = Operands.grown(order, choices);
        starts = Operands.grown(starts, experts + 1);
        count();
        place();
    }

    /** Takes the choices as they are, for those who only ask for {@link #expert}. */
    void load(Tensor ids, int firstRow, int rows) {
        used = ids.columns();
        choices = rows * used;
        this.ids = Operands.grown(this.ids, choices);
        Operands.load(ids, (long) firstRow * used, this.ids, choices);
    }

    private void count() {
        Arrays.fill(starts, 0, experts + 1, 0);
        for (int c = 0; c < choices; c++) {
            if (ids[c] >= experts) {
                throw new IllegalArgumentException(
                        "expert id %d at %d is not one of %d".formatted(ids[c], c, experts));
            }
            if (ids[c] >= 0) {
                starts[ids[c] + 1]++;
            }
        }
        for (int e = 0; e < experts; e++) {
            starts[e + 1] += starts[e];
        }
    }

    private void place() {
        for (int c = 0; c < choices; c++) {
            if (ids[c] >= 0) {
                order[starts[ids[c]]++] = c;
            }
        }
        // Each start has moved to the end of its group, which is the start of the next.
        for (int e = experts; e > 0; e--) {
            starts[e] = starts[e - 1];
        }
        starts[0] = 0;
    }

    /** Choices in all, those that are not here included. */
    int choices() {
        return choices;
    }

    /** Choices of one row. */
    int used() {
        return used;
    }

    int experts() {
        return experts;
    }

    /** The expert of a choice, negative if it is not here. */
    int expert(int choice) {
        return ids[choice];
    }

    /** First place of an expert's choices in {@link #order()}. */
    int start(int expert) {
        return starts[expert];
    }

    /** How many choices an expert has. */
    int size(int expert) {
        return starts[expert + 1] - starts[expert];
    }

    /** Choices that an expert has on average, of those that have any. */
    int rowsOfExpert() {
        int chosen = 0;
        for (int e = 0; e < experts; e++) {
            chosen += size(e) > 0 ? 1 : 0;
        }
        return present() / Math.max(1, chosen);
    }

    /** Choices that are here. */
    int present() {
        return starts[experts];
    }

    /** The choices (row · used + j) in the order of their experts. */
    int[] order() {
        return order;
    }
}
