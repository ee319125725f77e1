/* What all kernels share: numbers of types, reductions, conversions. */
#ifndef JUGGLER_COMMON_CUH
#define JUGGLER_COMMON_CUH

#include "instructions.cuh"

typedef unsigned char byte;
typedef long long int64;

static_assert(sizeof(int64) == 8, "offsets have 64 bits");

/* Element types, by their numbers in the GGUF specification. */
enum Type {
    TYPE_F32 = 0, TYPE_F16 = 1, TYPE_Q4_0 = 2, TYPE_Q4_1 = 3, TYPE_Q5_0 = 6, TYPE_Q5_1 = 7, TYPE_Q8_0 = 8,
    TYPE_Q2_K = 10, TYPE_Q3_K = 11, TYPE_Q4_K = 12, TYPE_Q5_K = 13, TYPE_Q6_K = 14, TYPE_IQ2_XXS = 16,
    TYPE_IQ2_XS = 17, TYPE_IQ3_XXS = 18, TYPE_IQ1_S = 19, TYPE_IQ4_NL = 20, TYPE_IQ3_S = 21, TYPE_IQ2_S = 22,
    TYPE_IQ4_XS = 23, TYPE_IQ1_M = 29, TYPE_BF16 = 30, TYPE_TQ1_0 = 34, TYPE_TQ2_0 = 35, TYPE_MXFP4 = 39
};

/* Less than every number: the largest of none. */
#define NOTHING __int_as_float((int)0xff800000)

enum { LANES = 32 };
enum : unsigned { ALL_LANES = 0xffffffffu };

__device__ __forceinline__ int lane_of_thread() { return threadIdx.x & (LANES - 1); }
__device__ __forceinline__ int warp_of_thread() { return threadIdx.x / LANES; }

/* The sum of a value over a warp, for every lane; the same for each of them. */
__device__ __forceinline__ float warp_sum(float value) {
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    }
    return value;
}

__device__ __forceinline__ float warp_max(float value) {
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, distance));
    }
    return value;
}

/* The sum of a value over the block, for every thread. All threads of the block must come. */
__device__ __forceinline__ float block_sum(float value) {
    __shared__ float sums[LANES];
    const int warps = blockDim.x / LANES;
    value = warp_sum(value);
    __syncthreads(); /* the sums of a call before have been read */
    if (lane_of_thread() == 0) {
        sums[warp_of_thread()] = value;
    }
    __syncthreads();
    return warp_sum(lane_of_thread() < warps ? sums[lane_of_thread()] : 0.0f);
}

__device__ __forceinline__ float brain_to_float(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }

/* The nearest BF16, ties to even; a NaN stays one. */
__device__ __forceinline__ unsigned short float_to_brain(float value) {
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (unsigned short)(bits >> 16 | 0x40);
    }
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* act(gate) * up as GatedActivation says; kind is the ordinal of its Kind. Comparisons are such that a NaN stays one. */
__device__ __forceinline__ float gated(float gate, float up, int kind, float alpha, float limit) {
    if (kind == 0) {
        return gate * sigmoid(gate) * up;
    }
    const float g = gate > limit ? limit : gate;
    const float u = up > limit ? limit : up < -limit ? -limit : up;
    return g * sigmoid(alpha * g) * (u + 1.0f);
}

#endif
