package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;

/**
 * Activations as products take them: F32 rows are rounded once for an operation, to 8 bits for few
 * rows and to halves for tensor cores.
 */
final class Rounding {
    private static final int CODE_BLOCK = 256;
    private static final int HALF_BLOCK = 64;
    private static final int ROWS_A_LAUNCH = 65535;

    private final LaunchQueue queue;
    private final Scratch scratch;
    private final Kernel quantize;
    private final Kernel halve;

    Rounding(Card card) {
        queue = card.queue;
        scratch = card.scratch();
        quantize = card.module.kernel("quantize_rows");
        halve = card.module.kernel("halve_rows");
    }

    /** Address of the rows in 8 bits with scales. */
    long codes(long x, int rows, int k) {
        long padded = padded(k, CODE_BLOCK);
        long address = scratch.of(rows * (padded + padded / 4));
        queue.kernel(quantize)
                .pointer(x)
                .pointer(address)
                .number(rows)
                .number(k)
                .launch(padded / CODE_BLOCK, Math.min(rows, ROWS_A_LAUNCH), CODE_BLOCK);
        return address;
    }

    /** Address of the rows in F16 with a factor for each. */
    long halves(long x, int rows, int k) {
        long padded = padded(k, HALF_BLOCK);
        long address = scratch.of(rows * (2 * padded + Float.BYTES));
        queue.kernel(halve)
                .pointer(x)
                .pointer(address)
                .number(rows)
                .number(k)
                .launch(Math.min(rows, ROWS_A_LAUNCH), 256);
        return address;
    }

    /** Elements from one row of halves to the next; factors for the rows follow behind the last. */
    static int halfWidth(int k) {
        return (int) padded(k, HALF_BLOCK);
    }

    private static long padded(int k, int block) {
        return (k + block - 1L) / block * block;
    }
}
