package dev.juggler.backend.cuda.driver;

import static dev.juggler.backend.cuda.driver.JCudaDriver.check;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** A stream of NVIDIA's driver. */
final class JCudaStream implements DriverStream {
    /** Other threads may go on allocating and copying while this one captures. */
    private static final int CAPTURE_THREAD_LOCAL = 1;

    private final JCudaDevice device;
    private final CUstream stream;
    private long lastArguments;
    private Pointer lastPointer = new Pointer();

    JCudaStream(JCudaDevice device, CUstream stream) {
        this.device = device;
        this.stream = stream;
    }

    CUstream stream() {
        return stream;
    }

    @Override
    public void copyIn(long to, MemorySegment from) {
        device.makeCurrent();
        check(
                "cuMemcpyHtoDAsync",
                JCudaDriver.cuMemcpyHtoDAsync(
                        JCudaDevice.pointer(to),
                        JCudaDevice.pointer(from.address()),
                        from.byteSize(),
                        stream));
    }

    @Override
    public void copyOut(MemorySegment to, long from) {
        device.makeCurrent();
        check(
                "cuMemcpyDtoHAsync",
                JCudaDriver.cuMemcpyDtoHAsync(
                        JCudaDevice.pointer(to.address()),
                        JCudaDevice.pointer(from),
                        to.byteSize(),
                        stream));
    }

    @Override
    public void copy(long to, long from, long bytes) {
        device.makeCurrent();
        check(
                "cuMemcpyDtoDAsync",
                JCudaDriver.cuMemcpyDtoDAsync(
                        JCudaDevice.pointer(to), JCudaDevice.pointer(from), bytes, stream));
    }

    @Override
    public void copyFrom(DriverDevice source, long to, long from, long bytes) {
        device.makeCurrent();
        check(
                "cuMemcpyPeerAsync",
                JCudaDriver.cuMemcpyPeerAsync(
                        JCudaDevice.pointer(to),
                        device.context(),
                        JCudaDevice.pointer(from),
                        ((JCudaDevice) source).context(),
                        bytes,
                        stream));
    }

    @Override
    public void zero(long address, long bytes) {
        if (bytes > 0) {
            device.makeCurrent();
            check(
                    "cuMemsetD8Async",
                    JCudaDriver.cuMemsetD8Async(
                            JCudaDevice.pointer(address), (byte) 0, bytes, stream));
        }
    }

    @Override
    public void launch(DriverFunction function, Geometry geometry, Arguments arguments) {
        if (lastArguments != arguments.addresses().address()) {
            lastArguments = arguments.addresses().address();
            lastPointer = JCudaDevice.pointer(lastArguments);
        }
        device.makeCurrent();
        check(
                function.name(),
                JCudaDriver.cuLaunchKernel(
                        ((JCudaDevice.LoadedFunction) function).function(),
                        geometry.gridX(),
                        geometry.gridY(),
                        geometry.gridZ(),
                        geometry.block(),
                        1,
                        1,
                        geometry.sharedBytes(),
                        stream,
                        lastPointer,
                        null));
    }

    @Override
    public void launch(DriverGraph graph) {
        device.makeCurrent();
        check("cuGraphLaunch", JCudaDriver.cuGraphLaunch(((Recorded) graph).executable, stream));
    }

    @Override
    public void record(DriverEvent event) {
        device.makeCurrent();
        check("cuEventRecord", JCudaDriver.cuEventRecord(((JCudaEvent) event).event(), stream));
    }

    @Override
    public void await(DriverEvent event) {
        device.makeCurrent();
        check(
                "cuStreamWaitEvent",
                JCudaDriver.cuStreamWaitEvent(stream, ((JCudaEvent) event).event(), 0));
    }

    @Override
    public void beginCapture() {
        device.makeCurrent();
        check(
                "cuStreamBeginCapture",
                JCudaDriver.cuStreamBeginCapture(stream, CAPTURE_THREAD_LOCAL));
    }

    @Override
    public DriverGraph endCapture() {
        device.makeCurrent();
        CUgraph graph = new CUgraph();
        check("cuStreamEndCapture", JCudaDriver.cuStreamEndCapture(stream, graph));
        CUgraphExec executable = new CUgraphExec();
        int result = JCudaDriver.cuGraphInstantiate(executable, graph, 0);
        JCudaDriver.cuGraphDestroy(graph);
        check("cuGraphInstantiate", result);
        return new Recorded(executable);
    }

    @Override
    public void synchronize() {
        device.makeCurrent();
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
    }

    @Override
    public void close() {
        device.makeCurrent();
        check("cuStreamDestroy", JCudaDriver.cuStreamDestroy(stream));
    }

    private final class Recorded implements DriverGraph {
        private final CUgraphExec executable;

        Recorded(CUgraphExec executable) {
            this.executable = executable;
        }

        @Override
        public void close() {
            device.makeCurrent();
            check("cuGraphExecDestroy", JCudaDriver.cuGraphExecDestroy(executable));
        }
    }
}
