/* Weights to plain numbers: table look-ups, and whole matrices for a library that multiplies halves. */
#include "formats.cuh"

/*
 * out[r] = table[ids[r]]; zeros for an id that is no row. A thread for sixteen elements. block = 128,
 * grid = (ceil(width / 2048), rows).
 */
extern "C" __global__ void embed(float *out, const void *table, const int *ids, int rows, int width, int vocabulary,
                                 int type) {
    const int segment = blockIdx.x * blockDim.x + threadIdx.x;
    if ((int64)segment * 16 >= width) {
        return;
    }
    for (int64 r = blockIdx.y; r < rows; r += gridDim.y) {
        const int id = ids[r];
        float values[16] = {};
        if (id >= 0 && id < vocabulary) {
            decode_segment(type, (const byte *)table + id * row_bytes(type, width), segment, width, values);
        }
        for (int i = 0; i < min(16, width - 16 * segment); i++) {
            out[r * width + 16 * segment + i] = values[i];
        }
    }
}
EXPORT_KERNEL(embed)

/*
 * All rows of a weight as F32 (out_type 0), F16 (1) or BF16 (30). A thread for sixteen elements. block = 128,
 * grid = (ceil(k / 2048), rows).
 */
extern "C" __global__ void dequantize_rows(void *out, const void *weight, int64 rows, int k, int type, int out_type) {
    const int segment = blockIdx.x * blockDim.x + threadIdx.x;
    if ((int64)segment * 16 >= k) {
        return;
    }
    for (int64 r = blockIdx.y; r < rows; r += gridDim.y) {
        float values[16];
        decode_segment(type, (const byte *)weight + r * row_bytes(type, k), segment, k, values);
        for (int i = 0; i < min(16, k - 16 * segment); i++) {
            const int64 at = r * k + 16 * segment + i;
            if (out_type == TYPE_F32) {
                ((float *)out)[at] = values[i];
            } else {
                ((unsigned short *)out)[at] = out_type == TYPE_F16 ? float_to_half(values[i]) : float_to_brain(values[i]);
            }
        }
    }
}
EXPORT_KERNEL(dequantize_rows)
