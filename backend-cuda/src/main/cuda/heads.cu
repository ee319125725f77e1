/*
 * What is done to the vectors of heads between products and attention: rotation (Su et al. 2021, arXiv:2104.09864), and
 * with it all that follows the products of a step in one go: biases, norms, and the way into the cache.
 */
#include "cache.cuh"

struct Rotation {
    const double *frequencies; /* radians a position, one for each pair */
    int offset, pairs;         /* first rotated element of a head */
    int halves;                /* pairs are (i, i + pairs), else neighbours */
    float magnitude;
};

/*
 * Rotates a pair of a head at a position. The angle is taken in double and brought to one turn there, so that long
 * contexts lose nothing; sine and cosine are of floats.
 */
__device__ __forceinline__ void rotate_pair(float *head, const Rotation &rotation, int position, int pair) {
    const int first = rotation.offset + (rotation.halves ? pair : 2 * pair);
    const int second = first + (rotation.halves ? rotation.pairs : 1);
    const double turns = position * rotation.frequencies[pair] * 0.15915494309189535; /* 1 / 2 pi */
    const float angle = (float)((turns - rint(turns)) * 6.283185307179586);
    const float sine = sinf(angle) * rotation.magnitude, cosine = cosf(angle) * rotation.magnitude;
    const float a = head[first], b = head[second];
    head[first] = a * cosine - b * sine;
    head[second] = a * sine + b * cosine;
}

/* Rotates pairs of each head in place. grid = (ceil(heads * pairs / 256), rows), block = 256. */
extern "C" __global__ void rope(float *x, const int *positions, const double *frequencies, int rows, int heads,
                                int head_width, int offset, int pairs, int halves, float magnitude) {
    const int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    const Rotation rotation = {frequencies, offset, pairs, halves, magnitude};
    for (int64 r = blockIdx.y; r < rows && i < (int64)heads * pairs; r += gridDim.y) {
        rotate_pair(x + (r * heads + i / pairs) * head_width, rotation, positions[r], (int)(i % pairs));
    }
}
EXPORT_KERNEL(rope)

enum { HEADS_BLOCK = 128, HEADS_OF_BLOCK = HEADS_BLOCK / LANES, WIDEST_HEAD = 512, VALUES_OF_WARP = 128 };

/* A head of a projection with its bias (or null), in shared memory, normed where there is a norm. A warp. */
__device__ __forceinline__ void load_head(float *head, const float *projected, const float *bias, const float *norm,
                                          int width, float epsilon) {
    float squares = 0.0f;
    for (int i = lane_of_thread(); i < width; i += LANES) {
        const float value = bias != nullptr ? projected[i] + bias[i] : projected[i];
        head[i] = value;
        squares += value * value;
    }
    if (norm != nullptr) {
        const float scale = 1.0f / sqrtf(warp_sum(squares) / (float)width + epsilon);
        for (int i = lane_of_thread(); i < width; i += LANES) {
            head[i] = head[i] * scale * norm[i];
        }
    }
    __syncwarp();
}

/* Elements of a warp to a row of the cache from a column on; Q8_0: columns and counts are multiples of 32. */
template <int TYPE>
__device__ __forceinline__ void store_elements(byte *cache, int64 slot, int width, int column, const float *elements,
                                               const float *bias, int count) {
    byte *row = cache + slot * cached_row_bytes<TYPE>(width);
    for (int from = 0; from < count; from += LANES) {
        const int i = from + lane_of_thread();
        const bool is_inside = i < count;
        const float element = is_inside ? elements[i] + (bias != nullptr ? bias[i] : 0.0f) : 0.0f;
        store_element<TYPE>(row, column + i, is_inside, element);
    }
}

/*
 * After the products of queries, keys and values: q in place, k and v to the cache. A warp for a head of q or k, or for
 * 128 elements of v. Biases and norms may be null; a norm is one head's. width: of a head of q and k, up to 512.
 * grid = (ceil((heads + kv_heads + ceil(value_columns / 128)) / 4), rows), block = 128.
 */
extern "C" __global__ void __launch_bounds__(HEADS_BLOCK)
    finish_heads(float *q, const float *k, const float *v, const float *q_bias, const float *k_bias, const float *v_bias,
                 const float *q_norm, const float *k_norm, const int *positions, const double *frequencies,
                 const int *slots, void *keys, void *values, int rows, int heads, int kv_heads, int width,
                 int value_columns, float epsilon, int offset, int pairs, int halves, float magnitude, int64 places,
                 int key_type, int value_type) {
    __shared__ float shared[HEADS_OF_BLOCK][WIDEST_HEAD];
    const Rotation rotation = {frequencies, offset, pairs, halves, magnitude};
    const int unit = blockIdx.x * HEADS_OF_BLOCK + warp_of_thread();
    float *head = shared[warp_of_thread()];
    for (int64 r = blockIdx.y; r < rows; r += gridDim.y) {
        const int slot = slots[r];
        const bool has_place = slot >= 0 && slot < places;
        if (unit < heads + kv_heads) {
            const bool is_query = unit < heads;
            const int column = (is_query ? unit : unit - heads) * width;
            const float *projected = is_query ? q + r * heads * width : k + r * kv_heads * width;
            const float *bias = is_query ? q_bias : k_bias;
            load_head(head, projected + column, bias != nullptr ? bias + column : nullptr, is_query ? q_norm : k_norm,
                      width, epsilon);
            for (int pair = lane_of_thread(); pair < pairs; pair += LANES) {
                rotate_pair(head, rotation, positions[r], pair);
            }
            __syncwarp();
            for (int i = lane_of_thread(); i < width && is_query; i += LANES) {
                q[r * heads * width + column + i] = head[i];
            }
            if (!is_query && has_place) {
                WITH_CACHE_TYPE(key_type, store_elements, (byte *)keys, slot, kv_heads * width, column, head, nullptr, width)
            }
            __syncwarp(); /* the head is free for the next row */
        } else {
            const int column = (unit - heads - kv_heads) * VALUES_OF_WARP;
            const int count = min((int)VALUES_OF_WARP, value_columns - column);
            if (count > 0 && has_place) {
                WITH_CACHE_TYPE(value_type, store_elements, (byte *)values, slot, value_columns, column,
                                v + r * value_columns + column, v_bias != nullptr ? v_bias + column : nullptr, count)
            }
        }
    }
}
EXPORT_KERNEL(finish_heads)
