/* Choosing: experts from router logits, the largest of many logits; and sorting choices by expert. */
#include "common.cuh"

typedef unsigned long long Order;

/*
 * A number that is larger for what is chosen earlier: the larger value, among equals the lower index. Never 0, and no two
 * of a row are the same. A NaN comes last.
 */
__device__ __forceinline__ Order order_of(float value, unsigned index) {
    const unsigned bits = __float_as_uint(value + 0.0f); /* so that -0 is 0 */
    const unsigned key = value != value ? 1 : bits >> 31 ? ~bits : bits | 0x80000000u;
    return (Order)key << 32 | (0xffffffffu - index);
}
__device__ __forceinline__ int index_of(Order order) { return (int)(0xffffffffu - (unsigned)order); }

__device__ __forceinline__ Order larger(Order a, Order b) { return a > b ? a : b; }

__device__ __forceinline__ Order warp_largest(Order order) {
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        order = larger(order, __shfl_xor_sync(ALL_LANES, order, distance));
    }
    return order;
}

/* The largest order below `limit` that is in this lane's part of an array. */
__device__ __forceinline__ Order lane_largest(const Order *orders, int count, Order limit) {
    Order best = 0;
    for (int i = lane_of_thread(); i < count; i += LANES) {
        best = orders[i] < limit ? larger(best, orders[i]) : best;
    }
    return best;
}

/* Scores of a row's experts, in shared memory. One warp. */
__device__ __forceinline__ void score_experts(float *scores, const float *logits, int experts, int scoring) {
    float most = NOTHING, sum = 0.0f;
    for (int e = lane_of_thread(); e < experts; e += LANES) {
        most = fmaxf(most, logits[e]);
        scores[e] = scoring == 1 ? sigmoid(logits[e]) : logits[e];
    }
    if (scoring == 0) {
        most = warp_max(most);
        for (int e = lane_of_thread(); e < experts; e += LANES) {
            scores[e] = expf(scores[e] - most);
            sum += scores[e];
        }
        sum = warp_sum(sum);
        for (int e = lane_of_thread(); e < experts; e += LANES) {
            scores[e] /= sum;
        }
    }
    __syncwarp();
}

/* Leaves the orders of experts only in the best groups: a group is as good as the sum of its one or two best. */
__device__ __forceinline__ void close_groups(Order *orders, Order *group_orders, const float *scores, const float *bias,
                                             int experts, int groups, int groups_used, int group_best) {
    const int size = experts / groups;
    for (int g = lane_of_thread(); g < groups; g += LANES) {
        Order best = 0, second = 0;
        for (int e = g * size; e < (g + 1) * size; e++) {
            second = orders[e] > best ? best : larger(second, orders[e]);
            best = larger(best, orders[e]);
        }
        const int b = index_of(best), s = index_of(second);
        float rank = scores[b] + (bias != nullptr ? bias[b] : 0.0f);
        if (group_best > 1 && size > 1) {
            rank += scores[s] + (bias != nullptr ? bias[s] : 0.0f);
        }
        group_orders[g] = order_of(rank, (unsigned)g);
    }
    __syncwarp();
    Order last = ~0ull;
    for (int chosen = 0; chosen < groups_used; chosen++) {
        last = warp_largest(lane_largest(group_orders, groups, last));
    }
    for (int e = lane_of_thread(); e < experts; e += LANES) {
        if (group_orders[e / size] < last) {
            orders[e] = 0;
        }
    }
    __syncwarp();
}

/* Makes weights of the scores of the chosen experts. */
__device__ __forceinline__ void share_out(float *weights, int used, int scoring, int normalize, float scale) {
    float most = NOTHING, sum = 0.0f;
    if (scoring == 2) {
        for (int j = lane_of_thread(); j < used; j += LANES) {
            most = fmaxf(most, weights[j]);
        }
        most = warp_max(most);
    }
    for (int j = lane_of_thread(); j < used; j += LANES) {
        weights[j] = scoring == 2 ? expf(weights[j] - most) : weights[j];
        sum += weights[j];
    }
    sum = warp_sum(sum);
    const float divisor = normalize || scoring == 2 ? sum : 1.0f;
    for (int j = lane_of_thread(); j < used; j += LANES) {
        weights[j] = weights[j] / divisor * scale;
    }
}

/*
 * Chooses experts as dev.juggler.kernel.Routing says; scoring is the ordinal of its Scoring. A warp for a row.
 * grid = rows, block = 32, shared = experts * 12 + groups * 8 bytes.
 */
extern "C" __global__ void route(int *ids, float *weights, const float *logits, const float *choice_bias, int rows,
                                 int experts, int used, int scoring, int normalize, float scale, int groups,
                                 int groups_used, int group_best) {
    DYNAMIC_SHARED(Order, orders);
    Order *group_orders = orders + experts;
    float *scores = (float *)(group_orders + groups);
    for (int64 row = blockIdx.x; row < rows; row += gridDim.x) {
        score_experts(scores, logits + row * experts, experts, scoring);
        /* Scores rise with logits; where nothing is added, logits choose, of which fewer are rounded to the same. */
        const bool by_logit = choice_bias == nullptr && groups == 1;
        for (int e = lane_of_thread(); e < experts; e += LANES) {
            const float bias = choice_bias != nullptr ? choice_bias[e] : 0.0f;
            orders[e] = order_of(by_logit ? logits[row * experts + e] : scores[e] + bias, (unsigned)e);
        }
        __syncwarp();
        if (groups > 1) {
            close_groups(orders, group_orders, scores, choice_bias, experts, groups, groups_used, group_best);
        }
        Order best = lane_largest(orders, experts, ~0ull);
        for (int j = 0; j < used; j++) {
            const Order chosen = warp_largest(best);
            const int id = index_of(chosen);
            if (best == chosen) { /* only this lane's best is another one now */
                best = lane_largest(orders, experts, chosen);
                ids[row * used + j] = id;
                weights[row * used + j] = scores[id];
            }
        }
        __syncwarp();
        share_out(weights + row * used, used, scoring, normalize, scale);
        __syncwarp();
    }
}
EXPORT_KERNEL(route)

/*
 * The k largest of each row, in falling order, the lower index first among equals. A block for a row; each thread knows
 * the best of its part, so that only the winner looks again. grid = rows, block = a multiple of 32 up to 1024.
 */
extern "C" __global__ void top_k(float *values, int *ids, const float *logits, int rows, int width, int k) {
    __shared__ Order best_of_warp[LANES];
    for (int64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const float *numbers = logits + row * width;
        Order best = 0, limit = ~0ull;
        bool stale = true;
        for (int j = 0; j < k; j++) {
            if (stale) {
                best = 0;
                for (int i = threadIdx.x; i < width; i += blockDim.x) {
                    const Order order = order_of(numbers[i], (unsigned)i);
                    best = order < limit ? larger(best, order) : best;
                }
            }
            const Order of_warp = warp_largest(best);
            __syncthreads();
            if (lane_of_thread() == 0) {
                best_of_warp[warp_of_thread()] = of_warp;
            }
            __syncthreads();
            Order chosen = 0;
            for (int w = 0; w < (int)blockDim.x / LANES; w++) {
                chosen = larger(chosen, best_of_warp[w]);
            }
            stale = best == chosen;
            limit = chosen;
            if (stale && chosen != 0) {
                ids[row * k + j] = index_of(chosen);
                values[row * k + j] = numbers[index_of(chosen)];
            }
        }
        __syncthreads();
    }
}
EXPORT_KERNEL(top_k)

/* Sums of a value over the lanes before this one. */
__device__ __forceinline__ int sum_before(int value) {
    int sum = value;
    for (int distance = 1; distance < LANES; distance *= 2) {
        const int other = __shfl_up_sync(ALL_LANES, sum, (unsigned)distance);
        sum += lane_of_thread() >= distance ? other : 0;
    }
    return sum - value;
}

/*
 * Sorts choices by expert, those of nobody (a negative id) last, and cuts each expert's into tiles of up to tile_rows:
 * order[i] is a choice; a tile is {expert or -1, its first place in order, its choices, 0}, and tiles that are not needed
 * have no choices. There are ceil(choices / tile_rows) + min(experts + 1, choices) tiles. The order inside an expert is
 * any: a row of a product does not depend on its neighbours. grid = 1, block = 256, shared = (experts + 2) * 8 bytes.
 */
extern "C" __global__ void group_experts(const int *ids, int *order, int *tiles, int choices, int experts, int tile_rows) {
    DYNAMIC_SHARED(int, counts);
    const int buckets = experts + 1, tile_count = (choices + tile_rows - 1) / tile_rows + min(buckets, choices);
    int *places = counts + buckets;
    for (int b = threadIdx.x; b < buckets; b += blockDim.x) {
        counts[b] = 0;
    }
    __syncthreads();
    for (int c = threadIdx.x; c < choices; c += blockDim.x) {
        const int id = ids[c];
        atomicAdd(&counts[id >= 0 && id < experts ? id : experts], 1);
    }
    __syncthreads();
    if (warp_of_thread() == 0) {
        int place = 0, tile = 0;
        for (int from = 0; from < buckets; from += LANES) {
            const int b = from + lane_of_thread(), count = b < buckets ? counts[b] : 0;
            const int tiles_of_it = (count + tile_rows - 1) / tile_rows;
            const int my_place = place + sum_before(count), my_tile = tile + sum_before(tiles_of_it);
            if (b < buckets) {
                places[b] = my_place;
            }
            for (int t = 0; t < tiles_of_it; t++) {
                int *entry = tiles + 4 * (int64)(my_tile + t);
                entry[0] = b < experts ? b : -1;
                entry[1] = my_place + t * tile_rows;
                entry[2] = min(tile_rows, count - t * tile_rows);
                entry[3] = 0;
            }
            place = __shfl_sync(ALL_LANES, my_place + count, LANES - 1);
            tile = __shfl_sync(ALL_LANES, my_tile + tiles_of_it, LANES - 1);
        }
        for (int t = tile + lane_of_thread(); t < tile_count; t += LANES) {
            for (int i = 0; i < 4; i++) {
                tiles[4 * (int64)t + i] = 0;
            }
        }
    }
    __syncthreads();
    for (int c = threadIdx.x; c < choices; c += blockDim.x) {
        const int id = ids[c];
        order[atomicAdd(&places[id >= 0 && id < experts ? id : experts], 1)] = c;
    }
}
EXPORT_KERNEL(group_experts)
