package dev.juggler.backend.cuda.driver;

import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUstream;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/**
 * Products of cuBLAS. It knows matrices column by column, so what it is told is the same product
 * turned: outᵀ = weight · xᵀ.
 */
final class JCudaProducts implements DriverProducts {
    private final JCudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final Pointer one = Pointer.to(new float[] {1});
    private final Pointer zero = Pointer.to(new float[] {0});

    /**
     * @throws LinkageError if the library is not there
     */
    JCudaProducts(JCudaDevice device, CUstream stream) {
        this.device = device;
        JCublas2.setExceptionsEnabled(false);
        device.makeCurrent();
        check("cublasCreate", JCublas2.cublasCreate(handle));
        check("cublasSetStream", JCublas2.cublasSetStream(handle, new cudaStream_t(stream)));
    }

    @Override
    public void multiply(Matrix out, Matrix x, long weight, int rows, int n, int k) {
        device.makeCurrent();
        check(
                "cublasGemmEx",
                JCublas2.cublasGemmEx_new(
                        handle,
                        cublasOperation.CUBLAS_OP_T,
                        cublasOperation.CUBLAS_OP_N,
                        n,
                        rows,
                        k,
                        one,
                        JCudaDevice.pointer(weight),
                        cudaDataType.CUDA_R_16F,
                        k,
                        JCudaDevice.pointer(x.address()),
                        cudaDataType.CUDA_R_16F,
                        x.width(),
                        zero,
                        JCudaDevice.pointer(out.address()),
                        cudaDataType.CUDA_R_32F,
                        out.width(),
                        cublasComputeType.CUBLAS_COMPUTE_32F,
                        cublasGemmAlgo.CUBLAS_GEMM_DEFAULT));
    }

    private static void check(String call, int result) {
        if (result != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new DriverException(call, result, cublasStatus.stringFor(result));
        }
    }

    @Override
    public void close() {
        device.makeCurrent();
        check("cublasDestroy", JCublas2.cublasDestroy(handle));
    }
}
