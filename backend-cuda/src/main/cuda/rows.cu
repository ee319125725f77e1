/*
 * Operations that go element by element or row by row, all in F32. Elementwise ones: a thread for an element, block =
 * 256, grid = ceil(count / 256). They are short and bound by memory; consecutive threads touch consecutive elements.
 */
#include "common.cuh"

/* The number of this thread in a grid of one dimension. */
__device__ __forceinline__ int64 thread_number() { return (int64)blockIdx.x * blockDim.x + threadIdx.x; }

/* out[i] = value */
extern "C" __global__ void fill(float *out, int64 count, float value) {
    const int64 i = thread_number();
    if (i < count) {
        out[i] = value;
    }
}
EXPORT_KERNEL(fill)

/* out = a + b; b repeats every b_count elements: a whole matrix or a single row. out may be a. */
extern "C" __global__ void add(float *out, const float *a, const float *b, int64 count, int64 b_count) {
    const int64 i = thread_number();
    if (i < count) {
        out[i] = a[i] + b[b_count == count ? i : i % b_count];
    }
}
EXPORT_KERNEL(add)

/* Adds to each row of x the bias of its expert; rows whose id is negative stay. */
extern "C" __global__ void add_by_expert(float *x, const float *biases, const int *ids, int64 count, int width) {
    const int64 i = thread_number();
    if (i < count) {
        const int id = ids[i / width];
        if (id >= 0) {
            x[i] += biases[(int64)id * width + i % width];
        }
    }
}
EXPORT_KERNEL(add_by_expert)

/* out[r] += sigmoid(scores[r]) * x[r] */
extern "C" __global__ void add_sigmoid_scaled(float *out, const float *x, const float *scores, int64 count, int width) {
    const int64 i = thread_number();
    if (i < count) {
        out[i] += sigmoid(scores[i / width]) * x[i];
    }
}
EXPORT_KERNEL(add_sigmoid_scaled)

/* out[r] *= factors[r]: what halve_rows has scaled, after a product that knows nothing of that. */
extern "C" __global__ void scale_rows(float *out, const float *factors, int64 count, int width) {
    const int64 i = thread_number();
    if (i < count) {
        out[i] *= factors[i / width];
    }
}
EXPORT_KERNEL(scale_rows)

/* out = act(gate) * up; out may be either. */
extern "C" __global__ void gate(float *out, const float *gate, const float *up, int64 count, int kind, float alpha,
                                float limit) {
    const int64 i = thread_number();
    if (i < count) {
        out[i] = gated(gate[i], up[i], kind, alpha, limit);
    }
}
EXPORT_KERNEL(gate)

/* out[r] = sum of weights[r, j] * y[r * used + j] over ids that are not negative. grid = (ceil(width / 256), rows). */
extern "C" __global__ void combine_experts(float *out, const float *y, const float *weights, const int *ids, int rows,
                                           int width, int used) {
    const int64 i = thread_number();
    for (int r = blockIdx.y; r < rows && i < width; r += gridDim.y) {
        float sum = 0.0f;
        for (int64 choice = (int64)r * used; choice < (int64)(r + 1) * used; choice++) {
            if (ids[choice] >= 0) { /* what nobody computed may hold anything, NaN too */
                sum += weights[choice] * y[choice * width + i];
            }
        }
        out[(int64)r * width + i] = sum;
    }
}
EXPORT_KERNEL(combine_experts)

/* Norms: a block for a row, any multiple of 32 threads. The second reading of a row comes from the L1 or L2 cache. */
__device__ __forceinline__ void norm_row(float *out, const float *x, const float *weight, int width, float squares,
                                         float epsilon) {
    const float scale = 1.0f / sqrtf(block_sum(squares) / (float)width + epsilon);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        out[i] = x[i] * scale * weight[i];
    }
}

/* out = x / sqrt(mean(x^2) + epsilon) * weight, by row; out may be x. grid = rows. */
extern "C" __global__ void rms_norm(float *out, const float *x, const float *weight, int rows, int width,
                                    float epsilon) {
    for (int64 row = blockIdx.x; row < rows; row += gridDim.x) {
        float squares = 0.0f;
        for (int i = threadIdx.x; i < width; i += blockDim.x) {
            const float value = x[row * width + i];
            squares += value * value;
        }
        norm_row(out + row * width, x + row * width, weight, width, squares, epsilon);
    }
}
EXPORT_KERNEL(rms_norm)

/* sum = a + b, out = norm of sum; sum may be a. grid = rows. A thread reads of sum only what it has written itself. */
extern "C" __global__ void add_rms_norm(float *out, float *sum, const float *a, const float *b, const float *weight,
                                        int rows, int width, float epsilon) {
    for (int64 row = blockIdx.x; row < rows; row += gridDim.x) {
        float squares = 0.0f;
        for (int i = threadIdx.x; i < width; i += blockDim.x) {
            const float value = a[row * width + i] + b[row * width + i];
            sum[row * width + i] = value;
            squares += value * value;
        }
        norm_row(out + row * width, sum + row * width, weight, width, squares, epsilon);
    }
}
EXPORT_KERNEL(add_rms_norm)

/* out[i] = x[ids[i]]; zeros for an id that is no row. grid = (ceil(width / 256), n). */
extern "C" __global__ void gather_rows(float *out, const float *x, const int *ids, int n, int width, int x_rows) {
    const int64 column = thread_number();
    for (int64 r = blockIdx.y; r < n && column < width; r += gridDim.y) {
        const int id = ids[r];
        out[r * width + column] = id >= 0 && id < x_rows ? x[(int64)id * width + column] : 0.0f;
    }
}
EXPORT_KERNEL(gather_rows)

/*
 * Columns [from, from + columns) of row r / repeat of x to columns [to, to + columns) of row r of out.
 * grid = (ceil(columns / 256), out_rows).
 */
extern "C" __global__ void paste_columns(float *out, const float *x, int out_rows, int repeat, int columns, int to,
                                         int out_width, int from, int x_width) {
    const int64 column = thread_number();
    for (int64 r = blockIdx.y; r < out_rows && column < columns; r += gridDim.y) {
        out[r * out_width + to + column] = x[r / repeat * x_width + from + column];
    }
}
EXPORT_KERNEL(paste_columns)
