/*
 * Attention of few rows (generation) on tensor cores: queries, keys, exponentials and values in f16, sums in F32. The
 * cache is what there is to read, so each byte of it is read once for all queries that need it, and some of it is
 * always on its way.
 *
 * A block of four warps answers sixteen queries that read the same key-value head: heads of a group, rows too where
 * groups are small. It goes through its positions 32 at a time (Milakov and Gimelshein 2018, arXiv:1805.02867) in two
 * buffers; while it computes with one, the next positions are copied to the other (cp.async).
 *   scores   a warp for eight positions, over all elements of their keys
 *   softmax  warps exchange the largest scores; exponentials go to shared memory as halves
 *   values   a warp for a quarter of a value's elements, over all 32 positions
 * Latent attention has values that are the first elements of keys: they are copied once. Long sequences are split over
 * blockIdx.x; attend_combine puts the parts together (Dao 2023, flash decoding). What a block reads depends on tables
 * in device memory only, not on the launch. Rows in shared memory are 16 bytes longer than they need be, against bank
 * conflicts.
 */
#include "attention.cuh"

enum { FEW_QUERIES = 16, FEW_POSITIONS = LANES, FEW_THREADS = 128, FEW_ATTENTION_WARPS = FEW_THREADS / LANES };

/* WIDTH and VALUES: elements of a key and a value of one head, at most; the rest is zeros. */
template <int WIDTH, int VALUES, bool LATENT>
struct FewAttentionShared {
    typedef unsigned short KeyRows[FEW_POSITIONS][WIDTH + 8];
    typedef unsigned short ValueRows[FEW_POSITIONS][VALUES + 8];
    __align__(16) unsigned short queries[FEW_QUERIES][WIDTH + 8];
    __align__(16) unsigned short powers[FEW_QUERIES][FEW_POSITIONS + 8];
    float largest[FEW_ATTENTION_WARPS][FEW_QUERIES];
    float sums[FEW_ATTENTION_WARPS][FEW_QUERIES];
    __align__(16) KeyRows keys[2];
    __align__(16) ValueRows values[LATENT ? 1 : 2]; /* unused where keys hold them */

    static const int BYTES_WITHOUT_VALUES = 2 * FEW_QUERIES * (WIDTH + 8 + FEW_POSITIONS + 8) +
                                            2 * 4 * FEW_ATTENTION_WARPS * FEW_QUERIES + 2 * (int)sizeof(KeyRows);
    static const int BYTES = BYTES_WITHOUT_VALUES + (LATENT ? 0 : 2 * (int)sizeof(ValueRows));
};

/* Scaled queries as halves; a warp for a query at a time, zeros for those that are not there. */
template <int WIDTH>
__device__ __forceinline__ void load_few_queries(const Attention &a, const Task &task,
                                                 unsigned short (&queries)[FEW_QUERIES][WIDTH + 8]) {
    for (int query = warp_of_thread(); query < FEW_QUERIES; query += FEW_ATTENTION_WARPS) {
        const bool is_there = query < task.queries;
        const float *q = a.q + (is_there ? ((int64)task.row_of(query) * a.heads + task.head_of(query)) * a.key_width : 0);
        for (int i = 2 * lane_of_thread(); i < WIDTH; i += 2 * LANES) {
            const float low = is_there && i < a.key_width ? q[i] * a.scale : 0.0f;
            const float high = is_there && i + 1 < a.key_width ? q[i + 1] * a.scale : 0.0f;
            *(unsigned *)&queries[query][i] = floats_to_halves(low, high);
        }
    }
}

/* Elements [column, column + 8) of a cached row, of which `count` are wanted; zeros for the others. */
template <int TYPE>
__device__ __forceinline__ void read_eight(const byte *row, int column, int count, float (&values)[8]) {
    if (TYPE == TYPE_Q8_0 && column % 8 == 0) { /* in one block, whose codes are aligned to two bytes */
        const byte *block = row + (int64)(column / 32) * 34;
        const unsigned short *pairs = (const unsigned short *)(block + 2 + column % 32);
        const float scale = half_to_float(*(const unsigned short *)block);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const unsigned pair = pairs[i];
            values[2 * i] = scale * (float)(signed char)(pair & 255);
            values[2 * i + 1] = scale * (float)(signed char)(pair >> 8);
        }
    } else {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            values[i] = i < count ? cached_element<TYPE>(row, column + i) : 0.0f;
        }
    }
}

/*
 * A warp's eight of 32 positions: elements [column, column + width) of their cached rows as halves, zeros behind them and
 * for positions from `count` on. `slot` is that of the lane's position. A lane takes eight elements at a time.
 */
template <int TYPE, int WIDTH>
__device__ __forceinline__ void copy_rows(unsigned short (&rows)[FEW_POSITIONS][WIDTH + 8], const byte *cache, int64 bytes,
                                          int slot, int column, int width, int count) {
    if (TYPE == TYPE_F16 && (((unsigned long long)cache | (unsigned long long)bytes | 2u * column | 2u * width) & 15) == 0) {
#pragma unroll
        for (int i = lane_of_thread(); i < WIDTH; i += LANES) {
            const int position = 8 * warp_of_thread() + i / (WIDTH / 8), at = i % (WIDTH / 8) * 8;
            const byte *row = cache + __shfl_sync(ALL_LANES, slot, position) * bytes;
            if (position < count && at < width) {
                copy_async_16(&rows[position][at], row + 2 * (column + at));
            } else {
                *(uint4 *)&rows[position][at] = {0, 0, 0, 0};
            }
        }
        return;
    }
#pragma unroll 1
    for (int i = lane_of_thread(); i < WIDTH; i += LANES) {
        const int position = 8 * warp_of_thread() + i / (WIDTH / 8), at = i % (WIDTH / 8) * 8;
        const byte *row = cache + __shfl_sync(ALL_LANES, slot, position) * bytes;
        float values[8] = {};
        if (position < count && at < width) {
            read_eight<TYPE>(row, column + at, width - at, values);
        }
        *(uint4 *)&rows[position][at] = {floats_to_halves(values[0], values[1]), floats_to_halves(values[2], values[3]),
                                         floats_to_halves(values[4], values[5]), floats_to_halves(values[6], values[7])};
    }
}

template <int WIDTH>
__device__ __forceinline__ void copy_rows_of(int type, unsigned short (&rows)[FEW_POSITIONS][WIDTH + 8], const byte *cache,
                                             int row_width, int slot, int column, int width, int count) {
    switch (type) {
#define COPY(TYPE) \
    case TYPE: copy_rows<TYPE, WIDTH>(rows, cache, cached_row_bytes<TYPE>(row_width), slot, column, width, count); break;
        COPY(TYPE_F32)
        COPY(TYPE_F16)
        COPY(TYPE_BF16)
        COPY(TYPE_Q8_0)
#undef COPY
    }
}

/* Begins to copy the positions from `base` on to a stage. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void copy_positions(const Attention &a, const Task &task,
                                               FewAttentionShared<WIDTH, VALUES, LATENT> &shared, int stage, int base) {
    const int count = min((int)FEW_POSITIONS, task.to - base), position = base + min(lane_of_thread(), count - 1);
    const int slot = a.pages[task.pages + position / a.page_size] * a.page_size + position % a.page_size;
    copy_rows_of<WIDTH>(a.key_type, shared.keys[stage], a.keys, a.kv_heads * a.key_width, slot, task.kv_head * a.key_width,
                        a.key_width, count);
    if constexpr (!LATENT) {
        copy_rows_of<VALUES>(a.value_type, shared.values[stage], a.values, a.kv_heads * a.value_width, slot,
                             task.kv_head * a.value_width, a.value_width, count);
    }
    copy_async_commit();
}

/* What a lane knows of the two queries whose rows of fragments it has parts of: lane / 4 and eight more. */
struct FewRows {
    int first[2], last[2]; /* visible positions; none where there is no such query */
    float largest[2], sum[2];
};

/* Scores of sixteen queries and a warp's eight positions. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void score_positions(const FewAttentionShared<WIDTH, VALUES, LATENT> &shared, int stage,
                                                float (&scores)[4]) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int step = 0; step < WIDTH; step += 32) {
        unsigned q[2][4], keys[4];
        load_matrices(keys, &shared.keys[stage][8 * warp_of_thread() + lane % 8][step + lane / 8 * 8]);
        load_matrices(q[0], &shared.queries[lane % 16][step + lane / 16 * 8]);
        load_matrices(q[1], &shared.queries[lane % 16][step + 16 + lane / 16 * 8]);
        const unsigned left[2] = {keys[0], keys[1]}, right[2] = {keys[2], keys[3]};
        multiply_halves(scores, q[0], left);
        multiply_halves(scores, q[1], right);
    }
}

/* Masks scores, and tells the other warps the largest of this one's. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void tell_largest(const Attention &a, const Task &task, const FewRows &rows,
                                             FewAttentionShared<WIDTH, VALUES, LATENT> &shared, int base,
                                             float (&scores)[4]) {
    const int lane = lane_of_thread(), position = base + 8 * warp_of_thread() + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = NOTHING;
#pragma unroll
        for (int l = 0; l < 2; l++) {
            float &score = scores[2 * half + l];
            if (a.soft_cap != 0.0f) {
                score = a.soft_cap * tanhf(score / a.soft_cap);
            }
            if (position + l < rows.first[half] || position + l > rows.last[half] || position + l >= task.to) {
                score = NOTHING;
            }
            most = fmaxf(most, score);
        }
        /* Four neighbouring lanes share a row. */
        most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
        most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
        if (lane % 4 == 0) {
            shared.largest[warp_of_thread()][lane / 4 + 8 * half] = most;
        }
    }
}

/* Makes exponentials of scores once all warps have told; gives what earlier sums are to be multiplied with. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void soften_positions(FewRows &rows, FewAttentionShared<WIDTH, VALUES, LATENT> &shared,
                                                 const float (&scores)[4], float (&corrections)[2]) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = lane / 4 + 8 * half;
        float most = rows.largest[half];
#pragma unroll
        for (int warp = 0; warp < FEW_ATTENTION_WARPS; warp++) {
            most = fmaxf(most, shared.largest[warp][query]);
        }
        const float reference = most == NOTHING ? 0.0f : most; /* nothing visible yet: all exponentials are 0 */
        const float low = expf(scores[2 * half] - reference), high = expf(scores[2 * half + 1] - reference);
        corrections[half] = expf(rows.largest[half] - reference);
        rows.largest[half] = most;
        rows.sum[half] = rows.sum[half] * corrections[half] + low + high; /* of this lane's positions */
        *(unsigned *)&shared.powers[query][8 * warp_of_thread() + lane % 4 * 2] = floats_to_halves(low, high);
    }
}

/* results: sixteen queries, this warp's quarter of the elements. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void add_positions(const FewAttentionShared<WIDTH, VALUES, LATENT> &shared, int stage,
                                              const float (&corrections)[2], float (&results)[VALUES / 32][4]) {
    const int lane = lane_of_thread(), from = warp_of_thread() * (VALUES / 4);
#pragma unroll
    for (int i = 0; i < VALUES / 32; i++) {
#pragma unroll
        for (int l = 0; l < 4; l++) {
            results[i][l] *= corrections[l / 2];
        }
    }
#pragma unroll
    for (int position = 0; position < FEW_POSITIONS; position += 16) {
        unsigned powers[4];
        load_matrices(powers, &shared.powers[lane % 16][position + lane / 16 * 8]);
#pragma unroll
        for (int i = 0; i < VALUES / 32; i += 2) {
            const int row = position + lane % 16, column = from + 8 * i + lane / 16 * 8;
            unsigned values[4];
            if constexpr (LATENT) {
                load_matrices_transposed(values, &shared.keys[stage][row][column]);
            } else {
                load_matrices_transposed(values, &shared.values[stage][row][column]);
            }
            const unsigned left[2] = {values[0], values[1]}, right[2] = {values[2], values[3]};
            multiply_halves(results[i], powers, left);
            multiply_halves(results[i + 1], powers, right);
        }
    }
}

/* Writes what the block has: the result, or its part of it with the largest score and the sum. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void store_few_results(const Attention &a, const Task &task, const FewRows &rows,
                                                  FewAttentionShared<WIDTH, VALUES, LATENT> &shared,
                                                  const float (&results)[VALUES / 32][4]) {
    const int lane = lane_of_thread(), splits = gridDim.x;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float sum = rows.sum[half];
        sum += __shfl_xor_sync(ALL_LANES, sum, 1);
        sum += __shfl_xor_sync(ALL_LANES, sum, 2);
        if (lane % 4 == 0) {
            shared.sums[warp_of_thread()][lane / 4 + 8 * half] = sum;
        }
    }
    __syncthreads();
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = lane / 4 + 8 * half;
        if (query < task.queries) {
            float sum = 0.0f;
            for (int warp = 0; warp < FEW_ATTENTION_WARPS; warp++) {
                sum += shared.sums[warp][query];
            }
            const int64 result = (int64)task.row_of(query) * a.heads + task.head_of(query);
            float *part = a.partial + (result * splits + blockIdx.x) * (a.value_width + 2);
            float *to = splits == 1 ? a.out + result * a.value_width : part;
            const float divisor = splits == 1 ? sum : 1.0f;
#pragma unroll
            for (int i = 0; i < VALUES / 32; i++) {
#pragma unroll
                for (int l = 0; l < 2; l++) {
                    const int element = warp_of_thread() * (VALUES / 4) + 8 * i + lane % 4 * 2 + l;
                    if (element < a.value_width) {
                        to[element] = results[i][2 * half + l] / divisor;
                    }
                }
            }
            if (splits > 1 && warp_of_thread() == 0 && lane % 4 == 0) {
                part[a.value_width] = rows.largest[half];
                part[a.value_width + 1] = sum;
            }
        }
    }
}

/* What the lane's queries see; a sink is one more score, of the first split, which one lane of all counts. */
__device__ __forceinline__ FewRows rows_of_lane(const Attention &a, const Task &task) {
    FewRows rows;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = lane_of_thread() / 4 + 8 * half;
        const bool is_there = query < task.queries, has_sink = is_there && a.sinks != nullptr && blockIdx.x == 0;
        rows.last[half] = is_there ? task.position_of(query) : -1;
        rows.first[half] = is_there ? first_visible(rows.last[half], a.window) : 0;
        rows.largest[half] = has_sink ? a.sinks[task.head_of(query)] : NOTHING;
        rows.sum[half] = has_sink && warp_of_thread() == 0 && lane_of_thread() % 4 == 0 ? 1.0f : 0.0f;
    }
    return rows;
}

/* One block's queries and positions. */
template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void attend_task(const Attention &a, const Task &task,
                                            FewAttentionShared<WIDTH, VALUES, LATENT> &shared) {
    FewRows rows = rows_of_lane(a, task);
    float results[VALUES / 32][4] = {};
    __syncthreads(); /* the tile before is done */
    if (task.from < task.to) {
        load_few_queries<WIDTH>(a, task, shared.queries);
        copy_positions(a, task, shared, 0, task.from);
    }
    for (int base = task.from, stage = 0; base < task.to; base += FEW_POSITIONS, stage ^= 1) {
        copy_async_wait<0>();
        __syncthreads(); /* these positions are there, and nobody reads the other stage any more */
        if (base + FEW_POSITIONS < task.to) {
            copy_positions(a, task, shared, stage ^ 1, base + FEW_POSITIONS);
        }
        float scores[4] = {}, corrections[2];
        score_positions(shared, stage, scores);
        tell_largest(a, task, rows, shared, base, scores);
        __syncthreads();
        soften_positions(rows, shared, scores, corrections);
        __syncthreads();
        add_positions(shared, stage, corrections, results);
    }
    store_few_results(a, task, rows, shared, results);
}

template <int WIDTH, int VALUES, bool LATENT>
__device__ __forceinline__ void attend_few(const Attention &a) {
    typedef FewAttentionShared<WIDTH, VALUES, LATENT> Shared;
    DYNAMIC_SHARED(Shared, shared);
    const int query_blocks = (a.tile_rows * (a.heads / a.kv_heads) + FEW_QUERIES - 1) / FEW_QUERIES;
    for (int tile = blockIdx.z; tile < a.tile_count; tile += gridDim.z) {
        Task task = task_of_tile(a, tile, blockIdx.y / query_blocks, blockIdx.y % query_blocks * FEW_QUERIES, FEW_QUERIES);
        if (task.queries <= 0) {
            continue;
        }
        const int first = first_visible(task.position_of(0), a.window), end = task.position_of(task.queries - 1) + 1;
        const int each = ((end - first + (int)gridDim.x - 1) / (int)gridDim.x + FEW_POSITIONS - 1) / FEW_POSITIONS * FEW_POSITIONS;
        task.from = (int)min((int64)end, first + (int64)each * blockIdx.x);
        task.to = (int)min((int64)end, task.from + (int64)each);
        attend_task(a, task, *shared);
    }
}

/*
 * Keys of up to WIDTH, values of up to VALUES elements, which are the first of keys where LATENT; arguments as of
 * attend_*. grid = (splits, kv_heads * ceil(tile_rows * group / 16), tiles), block = 128, shared = BYTES: what the
 * launch says, which has no other way to know it. BLOCKS: of a multiprocessor, as shared memory and registers allow.
 */
#define ATTEND_FEW(WIDTH, VALUES, LATENT, SHARED_BYTES, BLOCKS)                                                         \
    static_assert(FewAttentionShared<WIDTH, VALUES, LATENT>::BYTES == SHARED_BYTES, "AttentionCalls says so too");      \
    extern "C" __global__ void __launch_bounds__(FEW_THREADS, BLOCKS) attend_few_##WIDTH##_##VALUES(                    \
        float *out, float *partial, const float *q, const void *keys, const void *values, const float *sinks,           \
        const int *tiles, const int *pages, int key_type, int value_type, int heads, int kv_heads, int key_width,       \
        int value_width, int page_size, int window, float scale, float soft_cap, int tile_rows, int tile_count) {       \
        attend_few<WIDTH, VALUES, LATENT>({out, partial, q, (const byte *)keys, (const byte *)values, sinks, tiles,     \
                                           pages, key_type, value_type, heads, kv_heads, key_width, value_width,        \
                                           page_size, window, scale, soft_cap, tile_rows, tile_count});                 \
    }                                                                                                                   \
    EXPORT_KERNEL(attend_few_##WIDTH##_##VALUES)
ATTEND_FEW(64, 64, false, 22528, 4)
ATTEND_FEW(128, 128, false, 40960, 4)
ATTEND_FEW(192, 128, false, 51200, 4)
ATTEND_FEW(256, 256, false, 77824, 2)
ATTEND_FEW(576, 512, true, 95232, 2)
