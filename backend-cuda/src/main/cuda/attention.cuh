/*
 * What both kernels of attention share. A call is cut into tiles, rows of one sequence that follow each other; a tile's
 * queries are its rows times the heads of a group, which all read the same key-value head.
 */
#ifndef JUGGLER_ATTENTION_CUH
#define JUGGLER_ATTENTION_CUH

#include "cache.cuh"

/* What all blocks of a call know. */
struct Attention {
    float *out, *partial;
    const float *q;
    const byte *keys, *values;
    const float *sinks;
    const int *tiles, *pages;
    int key_type, value_type, heads, kv_heads, key_width, value_width, page_size, window;
    float scale, soft_cap;
    int tile_rows, tile_count;
};

/* The queries of a block and the positions that it goes through. */
struct Task {
    int row, rows, position, pages; /* of the tile */
    int kv_head, group, first_query, queries, from, to;

    __device__ __forceinline__ int row_of(int query) const { return row + (first_query + query) / group; }
    __device__ __forceinline__ int head_of(int query) const { return kv_head * group + (first_query + query) % group; }
    __device__ __forceinline__ int position_of(int query) const { return position + (first_query + query) / group; }
};

__device__ __forceinline__ int first_visible(int position, int window) {
    return window == 0 ? 0 : max(0, position - window + 1);
}

/* What a block does of a tile: up to `most` queries of a key-value head from `first_query` on; none: queries <= 0. */
__device__ __forceinline__ Task task_of_tile(const Attention &a, int tile, int kv_head, int first_query, int most) {
    const int *t = a.tiles + 4 * (int64)tile;
    const int group = a.heads / a.kv_heads;
    return {t[0], t[1], t[2], t[3], kv_head, group, first_query, min(most, t[1] * group - first_query), 0, 0};
}

/* Values are an array of their own, or the first elements of keys (latent attention). */
__device__ __forceinline__ const byte *values_of(const Attention &a) { return a.values == nullptr ? a.keys : a.values; }
__device__ __forceinline__ int type_of_values(const Attention &a) {
    return a.values == nullptr ? a.key_type : a.value_type;
}
__device__ __forceinline__ int stored_value_width(const Attention &a) {
    return a.values == nullptr ? a.key_width : a.value_width;
}

#endif
