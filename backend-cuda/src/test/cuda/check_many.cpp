/* Products with many rows, against sums in double over decoded weights. */
#include "check.h"

#include <algorithm>
#include <functional>
#include <memory>

/* A case: which rows take which matrix, and where the sums come from. */
struct Product {
    const TypeName &type;
    int rows, n, k, share, matrices, first, m;
    bool by_expert;

    Weight weight{type.type, matrices * m, k};
    Memory<float> x{(size_t)(rows / share) * k, 4};
    Memory<int> ids{(size_t)rows};
    std::vector<double> expected{}, scale{};

    void prepare() {
        fill_normal(x);
        for (int r = 0; r < rows; r++) {
            /* Mostly one expert, so that one of them needs several tiles. */
            ids[r] = !by_expert ? r % matrices : r % 3 ? below(2) : below(matrices + 1) - 1;
        }
        prepare_expected();
    }

    void prepare_expected() {
        expected.assign((size_t)rows * n, 0);
        scale.assign(expected.size(), 1);
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < n && ids[r] >= 0; i++) {
                const float *w = &weight.values[((size_t)ids[r] * m + first + i) * k], *a = &x[(size_t)(r / share) * k];
                double sum = 0, left = 0, right = 0;
                for (int j = 0; j < k; j++) {
                    sum += (double)a[j] * w[j];
                    left += (double)a[j] * a[j];
                    right += (double)w[j] * w[j];
                }
                expected[(size_t)r * n + i] = sum;
                scale[(size_t)r * n + i] = std::sqrt(left * right / k);
            }
        }
    }

    const void *start() const { return weight.bytes.data() + first * weight.row_bytes; }

    /* Groups by expert for tiles of so many rows, and calls with the tables and the number of tiles; else without. */
    void run(int tile_rows, const std::function<void(const int *, const int *, unsigned)> &call) {
        if (!by_expert) {
            call(nullptr, nullptr, blocks(rows / matrices, tile_rows));
            return;
        }
        const int count = (int)blocks(rows, tile_rows) + std::min(matrices + 1, rows);
        Memory<int> order((size_t)rows), tiles((size_t)count * 4);
        launch("group_experts", {1, 1, 1, 256, (unsigned)(matrices + 2) * 8}, (const int *)ids.data(), order.data(),
               tiles.data(), rows, matrices, tile_rows);
        call(order.data(), tiles.data(), (unsigned)count);
    }
};

CHECK(multiply_many_float) {
    for (const TypeName &type : types()) {
        const int k = type.elements == 1 ? 97 : type.elements == 32 ? 96 : 256;
        for (int way = 0; way < 3; way++) {
            const int matrices = way == 0 ? 1 : 3, m = way == 1 ? 90 : 70, share = way == 1 ? 3 : 1;
            Product p{type, way == 0 ? 65 : 150, 70, k, share, matrices, way == 1 ? 11 : 0, m, way == 2};
            p.prepare();
            Memory<float> out((size_t)p.rows * p.n, 4);
            p.run(64, [&](const int *order, const int *tiles, unsigned y) {
                launch("multiply_many_float", {blocks(p.n, 64), y, way == 1 ? 3u : 1u, 256, 0}, out.data(), p.start(),
                       (const float *)p.x.data(), order, tiles, p.rows, p.n, p.k, p.share, way == 2 ? 1 : p.matrices,
                       p.m * p.weight.row_bytes, type.type);
            });
            compare(std::string("multiply_many_float ") + type.name + ", way " + std::to_string(way), out, p.expected,
                    p.scale, 2e-5, 2e-6);
        }
    }
}

CHECK(multiply_transposed) {
    for (const TypeName &type : types()) {
        for (int share : {1, 2}) {
            const int matrices = 2, rows = 140, n = 67, m = 80, first = 5, k = type.elements == 1 ? 97 : 256;
            Weight stack(type.type, matrices * m, k);
            Memory<float> x((size_t)rows / share * n), out((size_t)rows * k);
            fill_normal(x);
            launch("multiply_transposed", {blocks(k, 64), 1, 1, 256, 0}, out.data(),
                   (const void *)(stack.bytes.data() + first * stack.row_bytes), (const float *)x.data(), rows, n, k, share,
                   matrices, m * stack.row_bytes, type.type);
            std::vector<double> expected(out.count);
            for (size_t i = 0; i < out.count; i++) {
                const size_t row = i / k;
                for (int j = 0; j < n; j++) {
                    expected[i] += (double)x[row / share * n + j] *
                                   stack.values[((row % matrices) * m + first + j) * k + i % k];
                }
            }
            compare(std::string("multiply_transposed ") + type.name, out, expected, {root_mean_square(expected)}, 2e-5,
                    2e-6);
        }
    }
}

CHECK(multiply_many) {
    for (const TypeName &type : types()) {
        if (type.type == 0) {
            continue;
        }
        for (int tile_rows : {32, 128}) {
            for (int way = 0; way < 3 && (tile_rows == 32 || !is_rare(type)); way++) {
                const int k = type.elements == 1 ? (way == 1 ? 97 : 136) : type.elements == 32 ? 160 : 512;
                const int matrices = way == 0 ? 1 : 3, m = way == 1 ? 90 : 70, share = way == 1 ? 3 : 1;
                Product p{type, way == 0 ? 45 : 450, way == 0 ? 140 : 70, k, share, matrices, way == 1 ? 11 : 0,
                          way == 0 ? 140 : m, way == 2};
                p.prepare();
                for (int i = 0; i < k; i++) {
                    p.x[i] *= 1e30f; /* of no size that halves have */
                }
                p.prepare_expected();
                const int x_rows = p.rows / p.share;
                Memory<unsigned char> halves((size_t)x_rows * ((size_t)(k + 63) / 64 * 128 + 4));
                launch("halve_rows", {(unsigned)x_rows - 1, 1, 1, 256, 0}, (const float *)p.x.data(), (void *)halves.data(),
                       x_rows, k);
                Memory<float> out((size_t)p.rows * p.n, 4);
                p.run(tile_rows, [&](const int *order, const int *tiles, unsigned y) {
                    launch(std::string("multiply_many_") + type.name + "_" + std::to_string(tile_rows),
                           {blocks(p.n, tile_rows == 32 ? 64 : 128), y, way == 1 ? 3u : 1u, 256, 0}, out.data(), p.start(),
                           (const void *)halves.data(), order, tiles, p.rows, p.n, p.k, p.share, way == 2 ? 1 : p.matrices,
                           p.m * p.weight.row_bytes);
                });
                compare(std::string("multiply_many ") + type.name + " " + std::to_string(tile_rows) + ", way " +
                            std::to_string(way),
                        out, p.expected, p.scale, 3e-3, 5e-4);
            }
        }
    }
}
