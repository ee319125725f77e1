package dev.juggler.engine.device;

import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;

/** A workspace without memory that notes how high its stack grows. */
public final class WorkspaceMeter implements Workspace {
    private static final Buffer ENDLESS = new PhantomBuffer(Long.MAX_VALUE);

    private long top;
    private long peak;

    @Override
    public Tensor take(DType dtype, int rows, int columns) {
        long offset = top;
        top += BufferWorkspace.bytesFor(dtype, rows, columns);
        peak = Math.max(peak, top);
        return new Tensor(dtype, Shape.matrix(rows, columns), ENDLESS, offset);
    }

    @Override
    public long mark() {
        return top;
    }

    @Override
    public void release(long mark) {
        top = mark;
    }

    /** The most bytes that were in use at once. */
    public long peak() {
        return peak;
    }
}
