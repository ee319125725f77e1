/* Routing, the largest of many, and sorting choices by expert, against plain loops in double. */
#include "check.h"

#include <algorithm>
#include <numeric>

static std::vector<int> best(const std::vector<double> &ranks, const std::vector<bool> &allowed, int count) {
    std::vector<bool> open = allowed;
    std::vector<int> chosen;
    for (int j = 0; j < count; j++) {
        int at = -1;
        for (int e = 0; e < (int)ranks.size(); e++) {
            if (open[e] && (at < 0 || ranks[e] > ranks[at])) {
                at = e;
            }
        }
        chosen.push_back(at);
        open[at] = false;
    }
    return chosen;
}

static void check_route(int scoring, int rows, int experts, int used, int groups, int groups_used, int group_best,
                        bool normalize, bool biased, bool ties) {
    Memory<float> logits((size_t)rows * experts), bias((size_t)experts), weights((size_t)rows * used);
    Memory<int> ids(weights.count);
    for (int r = 0; r < rows; r++) {
        std::vector<int> order(experts);
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), randomness);
        for (int e = 0; e < experts; e++) {
            logits[r * experts + e] = ties ? (float)below(3) : ((float)order[e] - (float)experts / 2) * 8 / (float)experts;
        }
    }
    for (int e = 0; e < experts; e++) {
        bias[e] = (float)((e * 7919) % 521) * 64;
    }
    launch("route", {(unsigned)rows, 1, 1, 32, (unsigned)(experts * 12 + groups * 8)}, ids.data(), weights.data(),
           (const float *)logits.data(), biased ? (const float *)bias.data() : nullptr, rows, experts, used, scoring,
           (int)normalize, 2.5f, groups, groups_used, group_best);
    std::vector<double> expected;
    for (int r = 0; r < rows; r++) {
        std::vector<double> scores(experts), ranks(experts);
        double sum = 0, most = -1e30;
        for (int e = 0; e < experts; e++) {
            most = std::max(most, (double)logits[r * experts + e]);
        }
        for (int e = 0; e < experts; e++) {
            const double x = logits[r * experts + e];
            scores[e] = scoring == 0 ? std::exp(x - most) : scoring == 1 ? 1 / (1 + std::exp(-x)) : x;
            sum += scores[e];
        }
        for (int e = 0; e < experts; e++) {
            scores[e] /= scoring == 0 ? sum : 1;
            ranks[e] = scores[e] + (biased ? bias[e] : 0.0f);
        }
        std::vector<bool> allowed(experts, groups == 1);
        if (groups > 1) {
            const int size = experts / groups;
            std::vector<double> group_ranks;
            for (int g = 0; g < groups; g++) {
                std::vector<double> members(ranks.begin() + g * size, ranks.begin() + (g + 1) * size);
                std::sort(members.rbegin(), members.rend());
                group_ranks.push_back(members[0] + (group_best > 1 && size > 1 ? members[1] : 0));
            }
            for (int g : best(group_ranks, std::vector<bool>(groups, true), groups_used)) {
                std::fill(allowed.begin() + g * size, allowed.begin() + (g + 1) * size, true);
            }
        }
        const std::vector<int> chosen = best(ranks, allowed, used);
        std::vector<double> shares;
        double top = -1e30, total = 0;
        for (int j = 0; j < used; j++) {
            if (ids[r * used + j] != chosen[j]) {
                failed("route: id " + std::to_string(ids[r * used + j]) + ", not " + std::to_string(chosen[j]));
            }
            shares.push_back(scores[chosen[j]]);
            top = std::max(top, shares[j]);
        }
        for (double &share : shares) {
            share = scoring == 2 ? std::exp(share - top) : share;
            total += share;
        }
        for (double share : shares) {
            expected.push_back(share / (normalize || scoring == 2 ? total : 1) * 2.5);
        }
    }
    compare("route", weights, expected, {root_mean_square(expected)}, 1e-5, 2e-6);
    if (!ids.is_intact()) {
        failed("route wrote beyond its ids");
    }
}

CHECK(route) {
    for (int scoring : {0, 1, 2}) {
        for (int experts : {1, 8, 31, 33, 128, 257, 512}) {
            check_route(scoring, 3, experts, std::min(experts, 8), 1, 1, 2, experts % 2 == 0, false, false);
            check_route(scoring, 2, experts, std::min(experts, 40), 1, 1, 2, true, true, false);
            check_route(scoring, 2, experts, std::min(experts, 6), 1, 1, 2, false, false, true);
        }
        for (int group_best : {1, 2}) {
            check_route(scoring, 3, 256, 8, 8, 4, group_best, true, true, false);
            check_route(scoring, 3, 256, 8, 8, 4, group_best, true, false, false);
            check_route(scoring, 3, 6, 3, 6, 3, group_best, true, false, true);
            check_route(scoring, 3, 64, 6, 8, 3, group_best, false, false, true);
        }
    }
    /* Whatever the logits are, ids are different experts. */
    Memory<float> logits(9), weights(4);
    for (int i = 0; i < 9; i++) {
        logits[i] = i % 2 ? NAN : -INFINITY;
    }
    Memory<int> ids(4);
    launch("route", {1, 1, 1, 32, 9 * 12 + 8}, ids.data(), weights.data(), (const float *)logits.data(),
           (const float *)nullptr, 1, 9, 4, 0, 1, 1.0f, 1, 1, 2);
    std::vector<int> sorted(ids.data(), ids.data() + 4);
    std::sort(sorted.begin(), sorted.end());
    for (int i = 0; i < 4; i++) {
        if (sorted[i] < 0 || sorted[i] > 8 || (i > 0 && sorted[i] == sorted[i - 1])) {
            failed("route of NaN chooses what is no expert");
        }
    }
}

CHECK(top_k) {
    for (int width : {1, 5, 1000, 5000}) {
        for (int k : {1, 5, 40}) {
            if (k <= width) {
                const int rows = 2;
                Memory<float> logits((size_t)rows * width), values((size_t)rows * k);
                Memory<int> ids(values.count);
                for (size_t i = 0; i < logits.count; i++) {
                    logits[i] = std::round(normal() * 20) / 20;
                }
                launch("top_k", {2, 1, 1, 1024, 0}, values.data(), ids.data(), (const float *)logits.data(), rows, width, k);
                std::vector<double> expected;
                for (int r = 0; r < rows; r++) {
                    std::vector<int> order(width);
                    std::iota(order.begin(), order.end(), 0);
                    std::stable_sort(order.begin(), order.end(),
                                     [&](int a, int b) { return logits[r * width + a] > logits[r * width + b]; });
                    for (int j = 0; j < k; j++) {
                        expected.push_back(logits[r * width + order[j]]);
                        if (ids[r * k + j] != order[j]) {
                            failed("top_k: another id");
                        }
                    }
                }
                compare("top_k", values, expected, {1}, 0, 0);
            }
        }
    }
}

CHECK(group_experts) {
    for (int experts : {1, 5, 31, 32, 100, 600}) {
        for (int choices : {1, 7, 300, 1000}) {
            const int tile_rows = 32, tile_count = (choices + 31) / 32 + std::min(experts + 1, choices);
            Memory<int> ids((size_t)choices), order((size_t)choices), tiles((size_t)tile_count * 4);
            for (int c = 0; c < choices; c++) {
                ids[c] = below(experts + 1) - 1;
            }
            launch("group_experts", {1, 1, 1, 256, (unsigned)(experts + 2) * 8}, (const int *)ids.data(), order.data(),
                   tiles.data(), choices, experts, tile_rows);
            std::vector<int> seen(choices);
            for (int t = 0; t < tile_count; t++) {
                for (int i = tiles[4 * t + 1]; i < tiles[4 * t + 1] + tiles[4 * t + 2]; i++) {
                    seen[order[i]]++;
                    if (ids[order[i]] != tiles[4 * t] || tiles[4 * t + 2] > tile_rows) {
                        failed("group_experts: a choice in another's tile");
                    }
                }
            }
            cases++;
            if (seen != std::vector<int>(choices, 1) || !order.is_intact() || !tiles.is_intact()) {
                failed("group_experts: not each choice once");
            }
        }
    }
}
