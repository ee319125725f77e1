package dev.juggler.backend.cuda.driver;

import static dev.juggler.backend.cuda.driver.JCudaDriver.check;

import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** An event of NVIDIA's driver. */
record JCudaEvent(JCudaDevice device, CUevent event) implements DriverEvent {
    @Override
    public void synchronize() {
        device.makeCurrent();
        check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(event));
    }

    @Override
    public boolean isReached() {
        device.makeCurrent();
        int result = JCudaDriver.cuEventQuery(event);
        if (result == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        check("cuEventQuery", result);
        return true;
    }

    @Override
    public double secondsSince(DriverEvent earlier) {
        device.makeCurrent();
        float[] milliseconds = new float[1];
        check(
                "cuEventElapsedTime",
                JCudaDriver.cuEventElapsedTime(milliseconds, ((JCudaEvent) earlier).event, event));
        return milliseconds[0] / 1e3;
    }

    @Override
    public void close() {
        device.makeCurrent();
        check("cuEventDestroy", JCudaDriver.cuEventDestroy(event));
    }
}
