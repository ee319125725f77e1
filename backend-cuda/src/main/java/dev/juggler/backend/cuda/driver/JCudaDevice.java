package dev.juggler.backend.cuda.driver;

import static dev.juggler.backend.cuda.driver.JCudaDriver.check;

import dev.juggler.kernel.MemoryInfo;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * A device through its primary context. The driver knows the current context by thread, and virtual
 * threads change theirs, so every call makes it current first.
 */
final class JCudaDevice implements DriverDevice {
    private static final int STREAM_OF_ITS_OWN = 1;

    private final CUdevice device;
    private final DeviceProperties properties;
    private final CUcontext context = new CUcontext();
    private final Map<Long, Pointer> pinned = new HashMap<>();
    private boolean closed;

    /** An address as JCuda takes it. */
    private static final CUdeviceptr NOWHERE = new CUdeviceptr();

    JCudaDevice(CUdevice device, DeviceProperties properties) {
        this.device = device;
        this.properties = properties;
        check("cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    }

    static CUdeviceptr pointer(long address) {
        return NOWHERE.withByteOffset(address);
    }

    CUcontext context() {
        return context;
    }

    void makeCurrent() {
        check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
    }

    @Override
    public DeviceProperties properties() {
        return properties;
    }

    @Override
    public MemoryInfo memory() {
        makeCurrent();
        long[] free = new long[1];
        long[] total = new long[1];
        check("cuMemGetInfo", JCudaDriver.cuMemGetInfo(free, total));
        return new MemoryInfo(total[0], free[0]);
    }

    @Override
    public long allocate(long bytes) {
        makeCurrent();
        OwnPointer pointer = new OwnPointer();
        check("cuMemAlloc", JCudaDriver.cuMemAlloc(pointer, bytes));
        return pointer.address();
    }

    @Override
    public void free(long address) {
        makeCurrent();
        check("cuMemFree", JCudaDriver.cuMemFree(pointer(address)));
    }

    @Override
    @SuppressWarnings("restricted") // the driver has just said how much is there
    public synchronized MemorySegment allocatePinned(long bytes) {
        makeCurrent();
        HostPointer pointer = new HostPointer();
        check("cuMemHostAlloc", JCudaDriver.cuMemHostAlloc(pointer, bytes, 0));
        pinned.put(pointer.address(), pointer);
        return MemorySegment.ofAddress(pointer.address()).reinterpret(bytes);
    }

    @Override
    public synchronized void freePinned(MemorySegment memory) {
        makeCurrent();
        Pointer pointer = pinned.remove(memory.address());
        if (pointer != null) {
            check("cuMemFreeHost", JCudaDriver.cuMemFreeHost(pointer));
        }
    }

    @Override
    public DriverStream createStream() {
        makeCurrent();
        CUstream stream = new CUstream();
        check("cuStreamCreate", JCudaDriver.cuStreamCreate(stream, STREAM_OF_ITS_OWN));
        return new JCudaStream(this, stream);
    }

    @Override
    public @Nullable DriverProducts createProducts(DriverStream stream) {
        return Libraries.load(Libraries.CUBLAS)
                ? new JCudaProducts(this, ((JCudaStream) stream).stream())
                : null;
    }

    @Override
    public DriverEvent createEvent() {
        makeCurrent();
        CUevent event = new CUevent();
        check("cuEventCreate", JCudaDriver.cuEventCreate(event, 0));
        return new JCudaEvent(this, event);
    }

    @Override
    public DriverModule load(byte[] image) {
        makeCurrent();
        CUmodule module = new CUmodule();
        check("cuModuleLoadData", JCudaDriver.cuModuleLoadData(module, image));
        return new LoadedModule(module);
    }

    @Override
    public boolean reaches(DriverDevice other) {
        if (!(other instanceof JCudaDevice peer)) {
            return false;
        }
        int[] can = new int[1];
        check("cuDeviceCanAccessPeer", JCudaDriver.cuDeviceCanAccessPeer(can, device, peer.device));
        if (can[0] == 0) {
            return false;
        }
        makeCurrent();
        int result = JCudaDriver.cuCtxEnablePeerAccess(peer.context, 0);
        return result == CUresult.CUDA_SUCCESS
                || result == CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return; // one opening is one retaining
        }
        closed = true;
        check("cuDevicePrimaryCtxRelease", JCudaDriver.cuDevicePrimaryCtxRelease(device));
    }

    /** JCuda hides addresses from all but its own kind. */
    private static final class OwnPointer extends CUdeviceptr {
        long address() {
            return getNativePointer() + getByteOffset();
        }
    }

    private static final class HostPointer extends Pointer {
        long address() {
            return getNativePointer() + getByteOffset();
        }
    }

    /** A kernel. */
    record LoadedFunction(JCudaDevice device, CUfunction function, String name)
            implements DriverFunction {
        @Override
        public void allowShared(int bytes) {
            device.makeCurrent();
            check(
                    "cuFuncSetAttribute " + name,
                    JCudaDriver.cuFuncSetAttribute(
                            function,
                            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                            bytes));
        }
    }

    private final class LoadedModule implements DriverModule {
        private final CUmodule module;

        LoadedModule(CUmodule module) {
            this.module = module;
        }

        @Override
        public DriverFunction function(String name) {
            makeCurrent();
            CUfunction function = new CUfunction();
            check(
                    "cuModuleGetFunction " + name,
                    JCudaDriver.cuModuleGetFunction(function, module, name));
            return new LoadedFunction(JCudaDevice.this, function, name);
        }

        @Override
        public long global(String name) {
            makeCurrent();
            OwnPointer pointer = new OwnPointer();
            check(
                    "cuModuleGetGlobal " + name,
                    JCudaDriver.cuModuleGetGlobal(pointer, new long[1], module, name));
            return pointer.address();
        }

        @Override
        public void close() {
            makeCurrent();
            check("cuModuleUnload", JCudaDriver.cuModuleUnload(module));
        }
    }
}
