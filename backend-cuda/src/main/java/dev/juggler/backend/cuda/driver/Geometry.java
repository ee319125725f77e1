package dev.juggler.backend.cuda.driver;

/** How many blocks of how many threads run a kernel; changed and used again for each launch. */
public final class Geometry {
    private long gridX = 1;
    private long gridY = 1;
    private long gridZ = 1;
    private int block = 1;
    private int sharedBytes;

    /**
     * Sets all.
     *
     * @param sharedBytes dynamic shared memory of a block
     * @throws IllegalArgumentException for what no device can launch
     */
    public void set(long gridX, long gridY, long gridZ, int block, int sharedBytes) {
        if (gridX < 1
                || gridX > Integer.MAX_VALUE
                || gridY < 1
                || gridY > 65535
                || gridZ < 1
                || gridZ > 65535
                || block < 1
                || block > 1024
                || sharedBytes < 0) {
            throw new IllegalArgumentException(
                    "a grid of %d x %d x %d blocks of %d threads with %d shared bytes cannot be launched"
                            .formatted(gridX, gridY, gridZ, block, sharedBytes));
        }
        this.gridX = gridX;
        this.gridY = gridY;
        this.gridZ = gridZ;
        this.block = block;
        this.sharedBytes = sharedBytes;
    }

    /** Blocks in the first dimension. */
    public int gridX() {
        return (int) gridX;
    }

    /** Blocks in the second dimension. */
    public int gridY() {
        return (int) gridY;
    }

    /** Blocks in the third dimension. */
    public int gridZ() {
        return (int) gridZ;
    }

    /** Threads of a block, in one dimension. */
    public int block() {
        return block;
    }

    /** Dynamic shared memory of a block in bytes. */
    public int sharedBytes() {
        return sharedBytes;
    }
}
