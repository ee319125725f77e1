/*
 * A libcublas.so.12 without a GPU: the functions that the backend calls, on addresses of the emulated libcuda.so.1. F16 in,
 * F32 out, as cublasGemmEx is asked for; whatever else is asked for is refused, as the library refuses what it does not know.
 */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum { OP_N = 0, OP_T = 1, R_32F = 0, R_16F = 2, COMPUTE_32F = 68 };

struct Handle {
    void *stream;
};

static float half(uint16_t bits) { return _cvtsh_ss(bits); }

EXPORT int cublasCreate_v2(Handle **handle) { return *handle = new Handle(), SUCCESS; }
EXPORT int cublasDestroy_v2(Handle *handle) { return delete handle, SUCCESS; }
EXPORT int cublasSetStream_v2(Handle *handle, void *stream) { return handle->stream = stream, SUCCESS; }

/* c (column after column, m rows) = a' * b, a' turned. */
EXPORT int cublasGemmEx(Handle *, int turn_a, int turn_b, int m, int n, int k, const void *alpha, const void *a, int a_type,
                        int a_width, const void *b, int b_type, int b_width, const void *beta, void *c, int c_type,
                        int c_width, int compute, int) {
    if (turn_a != OP_T || turn_b != OP_N || a_type != R_16F || b_type != R_16F || c_type != R_32F || compute != COMPUTE_32F) {
        return NOT_SUPPORTED;
    }
    if (m < 0 || n < 0 || k < 0 || a_width < k || b_width < k || c_width < m || *(const float *)beta != 0) {
        return INVALID_VALUE;
    }
    for (int column = 0; column < n; column++) {
        const uint16_t *right = (const uint16_t *)b + (size_t)column * b_width;
        for (int row = 0; row < m; row++) {
            const uint16_t *left = (const uint16_t *)a + (size_t)row * a_width;
            float sum = 0;
            for (int i = 0; i < k; i++) {
                sum += half(left[i]) * half(right[i]);
            }
            ((float *)c)[(size_t)column * c_width + row] = *(const float *)alpha * sum;
        }
    }
    return SUCCESS;
}
