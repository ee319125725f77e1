package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.WorkerScratch.Use.KEYS;

import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/** Adds a part of an expert's bias to a tile of results. */
final class BiasRows {
    private BiasRows() {}

    /**
     * {@code tile[j · count + i] += bias[expert, first + i]} for {@code j < rows}.
     *
     * @param bias F32 [experts, n], or null for none
     */
    static void add(
            @Nullable Tensor bias,
            int expert,
            int first,
            float[] tile,
            int rows,
            int count,
            WorkerScratch scratch) {
        if (bias == null) {
            return;
        }
        float[] part = scratch.floats(KEYS, count);
        Operands.load(bias, (long) expert * bias.columns() + first, part, 0, count);
        for (int j = 0; j < rows; j++) {
            RowLoops.add(tile, j * count, part, 0, count);
        }
    }
}
