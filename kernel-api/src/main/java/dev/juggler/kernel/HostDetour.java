package dev.juggler.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Operations that a backend does not have itself: their tensors are read to host memory, computed
 * with there as {@link ReferenceKernels} defines it, and the result is written back.
 */
final class HostDetour {
    private final ReferenceKernels reference = new ReferenceKernels();
    private final KernelContract contract;

    /**
     * @param kernels the backend's operations; its types are refused as it would itself
     */
    HostDetour(Kernels kernels) {
        contract = new KernelContract("this device", kernels.weightTypes(), kernels.kvTypes());
    }

    void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        contract.pasteColumns(out, to, x, from, columns);
        try (Arena arena = Arena.ofConfined()) {
            Tensor result = read(out, arena);
            reference.pasteColumns(result, to, read(x, arena), from, columns);
            write(result, out);
        }
    }

    void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHead(out, x, stack, first);
        try (Arena arena = Arena.ofConfined()) {
            Tensor result = room(out, arena);
            reference.matmulByHead(result, read(x, arena), read(stack, arena), first);
            write(result, out);
        }
    }

    void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHeadTransposed(out, x, stack, first);
        try (Arena arena = Arena.ofConfined()) {
            Tensor result = room(out, arena);
            reference.matmulByHeadTransposed(result, read(x, arena), read(stack, arena), first);
            write(result, out);
        }
    }

    void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        contract.readKeys(out, kv, layout);
        try (Arena arena = Arena.ofConfined()) {
            Tensor result = room(out, arena);
            KvPages pages = new KvPages(read(kv.keys(), arena), null, kv.pageSize());
            reference.readKeys(result, pages, layout);
            write(result, out);
        }
    }

    private static Tensor room(Tensor tensor, Arena arena) {
        MemorySegment memory = arena.allocate(tensor.byteSize(), HostBuffer.ALIGNMENT);
        return new Tensor(tensor.dtype(), tensor.shape(), HostBuffer.adopt(memory), 0);
    }

    private static Tensor read(Tensor tensor, Arena arena) {
        Tensor copy = room(tensor, arena);
        tensor.buffer().read(tensor.offset(), copy.host());
        return copy;
    }

    private static void write(Tensor result, Tensor out) {
        out.buffer().write(out.offset(), result.host());
    }
}
