/*
 * Causal attention over paged keys and values, in F32.
 *
 * A block answers eight queries that read the same key-value head: in decoding heads of a group, in prefill rows too.
 * It goes through its positions 128 at a time (Milakov and Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022,
 * arXiv:2205.14135), with 128 threads:
 *   scores    a thread for a position; keys come through shared memory in slices of 32 elements, each used eight times
 *   softmax   a warp for two queries: the largest score so far, and what it makes of earlier sums
 *   values    a thread for an element of the result (or D / 128 of them); each value is read once and used eight times
 * Long sequences are split over blockIdx.x; the parts are combined by attend_combine (Dao 2023, flash decoding). What a
 * block reads depends on tables in device memory only, not on the launch.
 */
#include "attention.cuh"

enum { QUERIES = 8, POSITIONS = 128, SLICE = 32, ATTEND_BLOCK = 128 };

struct AttentionShared {
    float keys[POSITIONS][SLICE + 1]; /* one more, so that neighbouring positions lie in other banks */
    float queries[SLICE][QUERIES];
    float powers[POSITIONS][QUERIES]; /* scores, then their exponentials */
    int slots[POSITIONS];
    float largest[QUERIES], sum[QUERIES], correction[QUERIES];
};

/* Adds the products of a slice of keys with that of the queries to this thread's scores. */
template <int TYPE>
__device__ __forceinline__ void score_slice(const Attention &a, const Task &task, AttentionShared &shared, int count,
                                            int slice, float (&scores)[QUERIES]) {
    const int width = min((int)SLICE, a.key_width - slice), lane = lane_of_thread();
    const int64 row_bytes = cached_row_bytes<TYPE>(a.kv_heads * a.key_width);
    const int column = task.kv_head * a.key_width + slice + lane;
    __syncthreads(); /* the slice before has been read */
    for (int p = warp_of_thread(); p < count; p += ATTEND_BLOCK / LANES) {
        if (lane < width) {
            shared.keys[p][lane] = cached_element<TYPE>(a.keys + shared.slots[p] * row_bytes, column);
        }
    }
    for (int i = threadIdx.x; i < SLICE * QUERIES; i += ATTEND_BLOCK) {
        const int query = i / SLICE, element = i % SLICE;
        const bool is_there = query < task.queries && element < width;
        const int64 at = ((int64)task.row_of(query) * a.heads + task.head_of(query)) * a.key_width + slice + element;
        shared.queries[element][query] = is_there ? a.q[at] : 0.0f;
    }
    __syncthreads();
    if ((int)threadIdx.x < count) {
        for (int i = 0; i < width; i++) {
            const float key = shared.keys[threadIdx.x][i];
#pragma unroll
            for (int query = 0; query < QUERIES; query++) {
                scores[query] += key * shared.queries[i][query];
            }
        }
    }
}

/* Scores become exponentials; the largest score and the sum of each query are brought up to date. A warp for two. */
__device__ __forceinline__ void soften(const Attention &a, const Task &task, AttentionShared &shared, int base, int count) {
    for (int query = warp_of_thread(); query < task.queries; query += ATTEND_BLOCK / LANES) {
        const int last = task.position_of(query), first = first_visible(last, a.window);
        const float before = shared.largest[query];
        float most = before, sum = 0.0f;
        for (int p = lane_of_thread(); p < count; p += LANES) {
            if (base + p >= first && base + p <= last) {
                most = fmaxf(most, shared.powers[p][query]);
            }
        }
        most = warp_max(most);
        for (int p = lane_of_thread(); p < count; p += LANES) {
            const bool is_visible = base + p >= first && base + p <= last;
            const float power = is_visible ? expf(shared.powers[p][query] - most) : 0.0f;
            shared.powers[p][query] = power;
            sum += power;
        }
        sum = warp_sum(sum);
        if (lane_of_thread() == 0) {
            /* Where nothing was visible yet, there is nothing to correct. */
            const float correction = before == NOTHING ? 0.0f : expf(before - most);
            shared.correction[query] = correction;
            shared.sum[query] = shared.sum[query] * correction + sum;
            shared.largest[query] = most;
        }
    }
}

/* results[query][j] += power · value element from + threadIdx.x + 128 j, over the chunk. */
template <int TYPE, int D>
__device__ __forceinline__ void add_values(const Attention &a, const Task &task, const AttentionShared &shared, int from,
                                           int count, float (&results)[QUERIES][D / ATTEND_BLOCK]) {
    const int head_width = stored_value_width(a);
    const byte *values = values_of(a);
    const int64 row_bytes = cached_row_bytes<TYPE>(a.kv_heads * head_width);
#pragma unroll
    for (int j = 0; j < D / ATTEND_BLOCK; j++) {
        const int element = from + threadIdx.x + j * ATTEND_BLOCK;
        if (element < a.value_width) {
            const int column = task.kv_head * head_width + element;
#pragma unroll 4
            for (int p = 0; p < count; p++) {
                const float value = cached_element<TYPE>(values + shared.slots[p] * row_bytes, column);
#pragma unroll
                for (int query = 0; query < QUERIES; query++) {
                    results[query][j] += shared.powers[p][query] * value;
                }
            }
        }
    }
}

/* The exponentials of a chunk of positions [base, base + count), and the sums of values weighted with them. */
template <int D>
__device__ __forceinline__ void attend_chunk(const Attention &a, const Task &task, AttentionShared &shared, int from,
                                             int base, int count, float (&results)[QUERIES][D / ATTEND_BLOCK]) {
    float scores[QUERIES] = {};
    __syncthreads(); /* the chunk before is done */
    if ((int)threadIdx.x < count) {
        const int position = base + threadIdx.x;
        shared.slots[threadIdx.x] = a.pages[task.pages + position / a.page_size] * a.page_size + position % a.page_size;
    }
    for (int slice = 0; slice < a.key_width; slice += SLICE) {
        WITH_CACHE_TYPE(a.key_type, score_slice, a, task, shared, count, slice, scores)
    }
#pragma unroll
    for (int query = 0; query < QUERIES; query++) {
        const float score = scores[query] * a.scale;
        shared.powers[threadIdx.x][query] = a.soft_cap == 0.0f ? score : a.soft_cap * tanhf(score / a.soft_cap);
    }
    __syncthreads();
    soften(a, task, shared, base, count);
    __syncthreads();
#pragma unroll
    for (int query = 0; query < QUERIES; query++) {
#pragma unroll
        for (int j = 0; j < D / ATTEND_BLOCK; j++) {
            results[query][j] *= shared.correction[query];
        }
    }
    switch (type_of_values(a)) {
    case TYPE_F32: add_values<TYPE_F32, D>(a, task, shared, from, count, results); break;
    case TYPE_F16: add_values<TYPE_F16, D>(a, task, shared, from, count, results); break;
    case TYPE_BF16: add_values<TYPE_BF16, D>(a, task, shared, from, count, results); break;
    case TYPE_Q8_0: add_values<TYPE_Q8_0, D>(a, task, shared, from, count, results); break;
    }
}

/* Writes what the block has: the result, or its part of it with the largest score and the sum. */
template <int D>
__device__ __forceinline__ void store_results(const Attention &a, const Task &task, const AttentionShared &shared, int from,
                                              float (&results)[QUERIES][D / ATTEND_BLOCK]) {
    const int splits = gridDim.x;
#pragma unroll
    for (int query = 0; query < QUERIES; query++) {
        if (query < task.queries) {
            const int64 result = (int64)task.row_of(query) * a.heads + task.head_of(query);
            float *part = a.partial + (result * splits + blockIdx.x) * (a.value_width + 2);
            float *to = splits == 1 ? a.out + result * a.value_width : part;
            const float divisor = splits == 1 ? shared.sum[query] : 1.0f;
#pragma unroll
            for (int j = 0; j < D / ATTEND_BLOCK; j++) {
                const int element = from + threadIdx.x + j * ATTEND_BLOCK;
                if (element < a.value_width) {
                    to[element] = results[query][j] / divisor;
                }
            }
            if (splits > 1 && from == 0 && threadIdx.x == 0) {
                part[a.value_width] = shared.largest[query];
                part[a.value_width + 1] = shared.sum[query];
            }
        }
    }
}

template <int D>
__device__ __forceinline__ void attend(const Attention &a) {
    __shared__ AttentionShared shared;
    const int group = a.heads / a.kv_heads, splits = gridDim.x, split = blockIdx.x;
    const int value_blocks = (a.value_width + D - 1) / D;
    const int query_blocks = (a.tile_rows * group + QUERIES - 1) / QUERIES;
    const int from = blockIdx.y % value_blocks * D;
    for (int tile = blockIdx.z; tile < a.tile_count; tile += gridDim.z) {
        Task task = task_of_tile(a, tile, (int)(blockIdx.y / value_blocks) / query_blocks,
                                 (int)(blockIdx.y / value_blocks) % query_blocks * QUERIES, QUERIES);
        if (task.queries <= 0) {
            continue;
        }
        const int first = first_visible(task.position_of(0), a.window), end = task.position_of(task.queries - 1) + 1;
        /* Splits of whole warps' worth of positions. */
        const int share = ((end - first + splits - 1) / splits + LANES - 1) / LANES * LANES;
        task.from = (int)min((int64)end, first + (int64)share * split);
        task.to = (int)min((int64)end, task.from + (int64)share);
        __syncthreads();
        if (threadIdx.x < QUERIES) {
            const bool has_sink = a.sinks != nullptr && split == 0 && (int)threadIdx.x < task.queries;
            shared.largest[threadIdx.x] = has_sink ? a.sinks[task.head_of(threadIdx.x)] : NOTHING;
            shared.sum[threadIdx.x] = has_sink ? 1.0f : 0.0f;
            shared.correction[threadIdx.x] = 0.0f;
        }
        float results[QUERIES][D / ATTEND_BLOCK] = {};
        for (int base = task.from; base < task.to; base += POSITIONS) {
            attend_chunk<D>(a, task, shared, from, base, min((int)POSITIONS, task.to - base), results);
        }
        __syncthreads();
        store_results<D>(a, task, shared, from, results);
    }
}

/*
 * D is how many elements of a value a block computes. grid = (splits, kv_heads * ceil(tile_rows * group / 8) *
 * ceil(value_width / D), tiles), block = 128, where group = heads / kv_heads. A tile is {its first row, its rows, the
 * position of the first, where its sequence's pages begin}; values is null where they are the first elements of keys.
 */
#define ATTEND(D)                                                                                                      \
    extern "C" __global__ void __launch_bounds__(ATTEND_BLOCK) attend_##D(                                             \
        float *out, float *partial, const float *q, const void *keys, const void *values, const float *sinks,          \
        const int *tiles, const int *pages, int key_type, int value_type, int heads, int kv_heads, int key_width,      \
        int value_width, int page_size, int window, float scale, float soft_cap, int tile_rows, int tile_count) {      \
        attend<D>({out, partial, q, (const byte *)keys, (const byte *)values, sinks, tiles, pages, key_type,           \
                   value_type, heads, kv_heads, key_width, value_width, page_size, window, scale, soft_cap, tile_rows, \
                   tile_count});                                                                                       \
    }                                                                                                                  \
    EXPORT_KERNEL(attend_##D)
ATTEND(128)
ATTEND(256)
ATTEND(512)

/*
 * Puts the parts of split sequences together. partial: for each row, head and split value_width sums, the largest score
 * and the sum of exponentials. grid = (heads, rows), block = 128.
 */
extern "C" __global__ void attend_combine(float *out, const float *partial, int rows, int heads, int splits,
                                          int value_width) {
    const int stride = value_width + 2;
    for (int64 row = blockIdx.y; row < rows; row += gridDim.y) {
        const int64 result = row * heads + blockIdx.x;
        const float *parts = partial + result * splits * stride;
        float most = NOTHING;
        for (int s = 0; s < splits; s++) {
            most = fmaxf(most, parts[(int64)s * stride + value_width]);
        }
        for (int i = threadIdx.x; i < value_width; i += blockDim.x) {
            float sum = 0.0f, weighted = 0.0f;
            for (int s = 0; s < splits; s++) {
                const float *part = parts + (int64)s * stride;
                /* A part with nothing visible weighs nothing. */
                const float weight = part[value_width] == NOTHING ? 0.0f : expf(part[value_width] - most);
                sum += weight * part[value_width + 1];
                weighted += weight * part[i];
            }
            out[result * value_width + i] = weighted / sum;
        }
    }
}
EXPORT_KERNEL(attend_combine)
