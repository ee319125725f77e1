package dev.juggler.backend.cpusimd;

/** Work cut into numbered pieces that may run in any order and at the same time. */
@FunctionalInterface
interface WorkerTask {
    /**
     * Does one piece.
     *
     * @param index which piece
     * @param worker who does it, from 0 to {@link WorkerPool#size()} - 1; no two pieces run with
     *     the same worker at once, so scratch memory can be kept by worker
     */
    void run(int index, int worker);
}
