/* Makes rows of activations ready for products; see activations.cuh. */
#include "activations.cuh"

/* x as rounded rows; k is a multiple of 32. A warp for 32 elements. block = 256, grid = (ceil(k / 256), rows). */
extern "C" __global__ void quantize_rows(const float *x, void *rounded, int rows, int k) {
    const int64 padded = whole(k, 256), at = (int64)blockIdx.x * 256 + threadIdx.x;
    for (int64 r = blockIdx.y; r < rows; r += gridDim.y) {
        const RoundedRow row(rounded, r, padded);
        const float value = at < k ? x[r * k + at] : 0.0f;
        /* Magnitudes are compared as integers, so that a NaN is the largest and spoils the scale, as it must. */
        int largest = __float_as_int(value) & 0x7fffffff;
        for (int distance = LANES / 2; distance > 0; distance /= 2) {
            largest = max(largest, __shfl_xor_sync(ALL_LANES, largest, distance));
        }
        const float most = __int_as_float(largest);
        /* Below 2^-120 the factor would be infinite. */
        const int code = largest > 0x03800000 ? __float2int_rn(value * (127.0f / most)) : 0;
        int sum = code;
        for (int distance = 1; distance < 16; distance *= 2) {
            sum += __shfl_xor_sync(ALL_LANES, sum, distance);
        }
        ((byte *)row.codes)[at] = (byte)code;
        if (threadIdx.x % 16 == 0) {
            ((short *)row.sums)[at / 16] = (short)sum;
        }
        if (lane_of_thread() == 0) {
            ((float *)row.scales)[at / RUN] = most / 127.0f;
        }
    }
}
EXPORT_KERNEL(quantize_rows)

/*
 * x as rows of ceil(k / 64) * 64 F16, zeros at the end; after all rows a factor for each. A row is scaled by a power of
 * two, so that its largest magnitude is between 2^7 and 2^8: nothing overflows, and what is rounded to a subnormal is
 * 2^-31 of the largest. grid = rows, block = 256.
 */
extern "C" __global__ void halve_rows(const float *x, void *halves, int rows, int k) {
    __shared__ int largest_of_warp[LANES];
    const int64 padded = whole(k, 64);
    float *factors = (float *)((unsigned short *)halves + rows * padded);
    for (int64 r = blockIdx.x; r < rows; r += gridDim.x) {
        int largest = 0;
        for (int i = threadIdx.x; i < k; i += blockDim.x) {
            largest = max(largest, __float_as_int(x[r * k + i]) & 0x7fffffff);
        }
        for (int distance = LANES / 2; distance > 0; distance /= 2) {
            largest = max(largest, __shfl_xor_sync(ALL_LANES, largest, distance));
        }
        __syncthreads();
        if (lane_of_thread() == 0) {
            largest_of_warp[warp_of_thread()] = largest;
        }
        __syncthreads();
        for (int w = 0; w < (int)blockDim.x / LANES; w++) {
            largest = max(largest, largest_of_warp[w]);
        }
        /* The exponent of the largest; 0 for zeros and subnormals, 255 for infinity and NaN, which then stay. */
        const int exponent = largest >> 23, up = exponent == 0 || exponent == 255 ? 0 : 127 + 7 - exponent;
        /* 2^up, in two factors, since it may be beyond the range of one. */
        const float one = __int_as_float((127 + up / 2) << 23), two = __int_as_float((127 + up - up / 2) << 23);
        unsigned *row = (unsigned *)((unsigned short *)halves + r * padded);
        for (int i = 2 * threadIdx.x; i < padded; i += 2 * blockDim.x) {
            const float low = i < k ? x[r * k + i] : 0.0f, high = i + 1 < k ? x[r * k + i + 1] : 0.0f;
            row[i / 2] = floats_to_halves(low * one * two, high * one * two);
        }
        if (threadIdx.x == 0) {
            factors[r] = __int_as_float((127 - up / 2) << 23) * __int_as_float((127 - (up - up / 2)) << 23);
        }
    }
}
EXPORT_KERNEL(halve_rows)
