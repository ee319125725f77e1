/*
 * Attention of many rows (prefill) on tensor cores: queries, keys, exponentials and values in f16, sums in F32. Dao et
 * al. 2022, arXiv:2205.14135.
 *
 * A block of four warps answers 64 queries that read the same key-value head, sixteen a warp. It goes through its
 * positions 32 at a time; keys and values become halves on their way to shared memory, whatever they are stored in. A
 * warp's scores stay in its registers: as the fragments of a sum they come out just as they go in again as the left side
 * of the product with values. Rows in shared memory are 16 bytes longer than they need be, against bank conflicts.
 */
#include "attention.cuh"

enum { MANY_QUERIES = 64, MANY_POSITIONS = 32, MANY_THREADS = 128 };

/* WIDTH and VALUES: elements of a key and a value of one head, at most; the rest is zeros. */
template <int WIDTH, int VALUES>
struct HalfAttentionShared {
    __align__(16) unsigned short queries[MANY_QUERIES][WIDTH + 8];
    __align__(16) unsigned short keys[MANY_POSITIONS][WIDTH + 8];
    __align__(16) unsigned short values[MANY_POSITIONS][VALUES + 8];
    int slots[MANY_POSITIONS];
};

/* Scaled queries as halves; a warp for a query at a time. */
template <int WIDTH, int VALUES>
__device__ __forceinline__ void load_queries(const Attention &a, const Task &task, HalfAttentionShared<WIDTH, VALUES> &shared) {
    for (int query = warp_of_thread(); query < MANY_QUERIES; query += MANY_THREADS / LANES) {
        const bool is_there = query < task.queries;
        const float *q = a.q + (is_there ? ((int64)task.row_of(query) * a.heads + task.head_of(query)) * a.key_width : 0);
        for (int i = 2 * lane_of_thread(); i < WIDTH; i += 2 * LANES) {
            const float low = is_there && i < a.key_width ? q[i] * a.scale : 0.0f;
            const float high = is_there && i + 1 < a.key_width ? q[i + 1] * a.scale : 0.0f;
            *(unsigned *)&shared.queries[query][i] = floats_to_halves(low, high);
        }
    }
}

/* Elements [column, column + width) of cached rows as halves; zeros behind them and for positions from `count` on. */
template <int TYPE, int WIDTH>
__device__ __forceinline__ void load_rows(unsigned short (&rows)[MANY_POSITIONS][WIDTH + 8], const byte *cache,
                                          int64 bytes, const int *slots, int column, int width, int count) {
    if (TYPE == TYPE_F16 && (((unsigned long long)cache | (unsigned long long)bytes | 2u * column | 2u * width) & 15) == 0) {
        for (int i = threadIdx.x; i < MANY_POSITIONS * WIDTH / 8; i += MANY_THREADS) {
            const int p = i / (WIDTH / 8), at = i % (WIDTH / 8) * 8;
            if (p < count && at < width) {
                copy_async_16(&rows[p][at], cache + slots[p] * bytes + 2 * (column + at));
            } else {
                *(uint4 *)&rows[p][at] = {0, 0, 0, 0};
            }
        }
        return;
    }
    for (int i = threadIdx.x; i < MANY_POSITIONS * WIDTH / 2; i += MANY_THREADS) {
        const int p = i / (WIDTH / 2), at = i % (WIDTH / 2) * 2;
        const byte *row = cache + (p < count ? slots[p] * bytes : 0);
        const float low = p < count && at < width ? cached_element<TYPE>(row, column + at) : 0.0f;
        const float high = p < count && at + 1 < width ? cached_element<TYPE>(row, column + at + 1) : 0.0f;
        *(unsigned *)&rows[p][at] = floats_to_halves(low, high);
    }
}

template <int WIDTH>
__device__ __forceinline__ void load_rows_of(int type, unsigned short (&rows)[MANY_POSITIONS][WIDTH + 8],
                                             const byte *cache, int row_width, const int *slots, int column, int width,
                                             int count) {
    switch (type) {
#define LOAD(TYPE) \
    case TYPE: load_rows<TYPE, WIDTH>(rows, cache, cached_row_bytes<TYPE>(row_width), slots, column, width, count); break;
        LOAD(TYPE_F32)
        LOAD(TYPE_F16)
        LOAD(TYPE_BF16)
        LOAD(TYPE_Q8_0)
#undef LOAD
    }
}

/* What a lane knows of the two queries whose rows of fragments it has parts of: lane / 4 and eight more. */
struct HalfRows {
    int first[2], last[2]; /* visible positions; none where there is no such query */
    float largest[2], sum[2];
};

/* scores[j]: of positions 8j to 8j + 7 of the chunk. */
template <int WIDTH, int VALUES>
__device__ __forceinline__ void score_chunk(const HalfAttentionShared<WIDTH, VALUES> &shared,
                                            float (&scores)[MANY_POSITIONS / 8][4]) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int step = 0; step < WIDTH; step += 16) {
        unsigned q[4];
        load_matrices(q, &shared.queries[16 * warp_of_thread() + lane % 16][step + lane / 16 * 8]);
#pragma unroll
        for (int j = 0; j < MANY_POSITIONS / 8; j += 2) {
            unsigned keys[4];
            load_matrices(keys, &shared.keys[8 * j + lane / 16 * 8 + lane % 8][step + lane / 8 % 2 * 8]);
            const unsigned left[2] = {keys[0], keys[1]}, right[2] = {keys[2], keys[3]};
            multiply_halves(scores[j], q, left);
            multiply_halves(scores[j + 1], q, right);
        }
    }
}

/* Scores become exponentials; gives what earlier sums are to be multiplied with. */
__device__ __forceinline__ void soften_chunk(const Attention &a, HalfRows &rows, int base,
                                             float (&scores)[MANY_POSITIONS / 8][4], float (&corrections)[2]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = rows.largest[half];
#pragma unroll
        for (int j = 0; j < MANY_POSITIONS / 8; j++) {
#pragma unroll
            for (int l = 2 * half; l < 2 * half + 2; l++) {
                const int position = base + 8 * j + lane_of_thread() % 4 * 2 + l % 2;
                if (a.soft_cap != 0.0f) {
                    scores[j][l] = a.soft_cap * tanhf(scores[j][l] / a.soft_cap);
                }
                if (position < rows.first[half] || position > rows.last[half]) {
                    scores[j][l] = NOTHING;
                }
                most = fmaxf(most, scores[j][l]);
            }
        }
        /* Four neighbouring lanes share a row. */
        most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
        most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
        const float reference = most == NOTHING ? 0.0f : most; /* nothing visible yet: all exponentials are 0 */
        corrections[half] = expf(rows.largest[half] - reference);
        float sum = 0.0f;
#pragma unroll
        for (int j = 0; j < MANY_POSITIONS / 8; j++) {
#pragma unroll
            for (int l = 2 * half; l < 2 * half + 2; l++) {
                scores[j][l] = expf(scores[j][l] - reference);
                sum += scores[j][l];
            }
        }
        rows.largest[half] = most;
        rows.sum[half] = rows.sum[half] * corrections[half] + sum; /* of this lane's columns; added up at the end */
    }
}

template <int WIDTH, int VALUES>
__device__ __forceinline__ void add_chunk(const HalfAttentionShared<WIDTH, VALUES> &shared,
                                          const float (&powers)[MANY_POSITIONS / 8][4], const float (&corrections)[2],
                                          float (&results)[VALUES / 8][4]) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int i = 0; i < VALUES / 8; i++) {
#pragma unroll
        for (int l = 0; l < 4; l++) {
            results[i][l] *= corrections[l / 2];
        }
    }
#pragma unroll
    for (int j = 0; j < MANY_POSITIONS / 8; j += 2) {
        const unsigned p[4] = {
            floats_to_halves(powers[j][0], powers[j][1]), floats_to_halves(powers[j][2], powers[j][3]),
            floats_to_halves(powers[j + 1][0], powers[j + 1][1]), floats_to_halves(powers[j + 1][2], powers[j + 1][3])};
#pragma unroll
        for (int i = 0; i < VALUES / 8; i += 2) {
            unsigned values[4];
            load_matrices_transposed(values, &shared.values[8 * j + lane % 16][8 * i + lane / 16 * 8]);
            const unsigned left[2] = {values[0], values[1]}, right[2] = {values[2], values[3]};
            multiply_halves(results[i], p, left);
            multiply_halves(results[i + 1], p, right);
        }
    }
}

template <int VALUES>
__device__ __forceinline__ void store_half_results(const Attention &a, const Task &task, HalfRows &rows,
                                                   const float (&results)[VALUES / 8][4]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float sum = rows.sum[half];
        sum += __shfl_xor_sync(ALL_LANES, sum, 1);
        sum += __shfl_xor_sync(ALL_LANES, sum, 2);
        const int query = 16 * warp_of_thread() + 8 * half + lane_of_thread() / 4;
        if (query < task.queries) {
            const int head = task.head_of(query);
            if (a.sinks != nullptr) { /* one more score in the divisor */
                sum += expf(a.sinks[head] - rows.largest[half]);
            }
            float *out = a.out + ((int64)task.row_of(query) * a.heads + head) * a.value_width;
#pragma unroll
            for (int i = 0; i < VALUES / 8; i++) {
#pragma unroll
                for (int l = 0; l < 2; l++) {
                    const int element = 8 * i + lane_of_thread() % 4 * 2 + l;
                    if (element < a.value_width) {
                        out[element] = results[i][2 * half + l] / sum;
                    }
                }
            }
        }
    }
}

template <int WIDTH, int VALUES>
__device__ __forceinline__ void attend_many(const Attention &a) {
    __shared__ HalfAttentionShared<WIDTH, VALUES> shared;
    const int query_blocks = (a.tile_rows * (a.heads / a.kv_heads) + MANY_QUERIES - 1) / MANY_QUERIES;
    for (int tile = blockIdx.z; tile < a.tile_count; tile += gridDim.z) {
        const Task task = task_of_tile(a, tile, blockIdx.y / query_blocks, blockIdx.y % query_blocks * MANY_QUERIES,
                                       MANY_QUERIES);
        if (task.queries <= 0) {
            continue;
        }
        HalfRows rows;
        for (int half = 0; half < 2; half++) {
            const int query = 16 * warp_of_thread() + 8 * half + lane_of_thread() / 4;
            const bool is_there = query < task.queries;
            rows.last[half] = is_there ? task.position_of(query) : -1;
            rows.first[half] = is_there ? first_visible(rows.last[half], a.window) : 0;
            /* A sink bounds the largest from below, so that its own exponential cannot overflow. */
            rows.largest[half] = is_there && a.sinks != nullptr ? a.sinks[task.head_of(query)] : NOTHING;
            rows.sum[half] = 0.0f;
        }
        float results[VALUES / 8][4] = {};
        __syncthreads(); /* the tile before is done */
        load_queries(a, task, shared);
        const int end = task.position_of(task.queries - 1) + 1;
        for (int base = first_visible(task.position_of(0), a.window); base < end; base += MANY_POSITIONS) {
            const int count = min((int)MANY_POSITIONS, end - base);
            __syncthreads(); /* the chunk before has been read */
            if ((int)threadIdx.x < count) {
                const int position = base + threadIdx.x;
                shared.slots[threadIdx.x] = a.pages[task.pages + position / a.page_size] * a.page_size + position % a.page_size;
            }
            __syncthreads();
            load_rows_of<WIDTH>(a.key_type, shared.keys, a.keys, a.kv_heads * a.key_width, shared.slots,
                                task.kv_head * a.key_width, a.key_width, count);
            load_rows_of<VALUES>(type_of_values(a), shared.values, values_of(a), a.kv_heads * stored_value_width(a),
                                 shared.slots, task.kv_head * stored_value_width(a), a.value_width, count);
            copy_async_commit();
            copy_async_wait<0>();
            __syncthreads();
            float scores[MANY_POSITIONS / 8][4] = {}, corrections[2];
            score_chunk(shared, scores);
            soften_chunk(a, rows, base, scores, corrections);
            add_chunk(shared, scores, corrections, results);
        }
        store_half_results<VALUES>(a, task, rows, results);
    }
}

/*
 * Keys of up to WIDTH, values of up to VALUES elements; arguments as of attend_* without parts. grid = (1, kv_heads *
 * ceil(tile_rows * group / 64), tiles), block = 128.
 */
#define ATTEND_MANY(WIDTH, VALUES)                                                                                      \
    extern "C" __global__ void __launch_bounds__(MANY_THREADS) attend_many_##WIDTH##_##VALUES(                          \
        float *out, const float *q, const void *keys, const void *values, const float *sinks, const int *tiles,         \
        const int *pages, int key_type, int value_type, int heads, int kv_heads, int key_width, int value_width,        \
        int page_size, int window, float scale, float soft_cap, int tile_rows, int tile_count) {                        \
        attend_many<WIDTH, VALUES>({out, nullptr, q, (const byte *)keys, (const byte *)values, sinks, tiles, pages,     \
                                    key_type, value_type, heads, kv_heads, key_width, value_width, page_size, window,   \
                                    scale, soft_cap, tile_rows, tile_count});                                           \
    }                                                                                                                   \
    EXPORT_KERNEL(attend_many_##WIDTH##_##VALUES)
ATTEND_MANY(64, 64)
ATTEND_MANY(128, 128)
ATTEND_MANY(192, 128)
