/* From projections to queries and the cache, against plain loops in double. */
#include "check.h"

#include <algorithm>

namespace {

const int ROWS = 3, PLACES = 7, SLOTS[ROWS] = {5, -1, 2}, POSITIONS[ROWS] = {0, 70000, 11};
const float EPSILON = 1e-5f, MAGNITUDE = 0.7f;

struct Case {
    int type, heads, kv_heads, width, value_columns, offset, pairs, halves;
    bool biases, norms;
};

/* Projected heads with their biases, normed and rotated; one after the other. */
std::vector<double> finished(const Memory<float> &projected, const float *bias, const float *norm, const Case &c, int heads,
                             const Memory<double> &frequencies) {
    std::vector<double> result(projected.data(), projected.data() + projected.count);
    for (int h = 0; h < ROWS * heads; h++) {
        double *head = &result[(size_t)h * c.width], squares = 0;
        for (int i = 0; i < c.width; i++) {
            head[i] += bias != nullptr ? bias[h % heads * c.width + i] : 0;
            squares += head[i] * head[i];
        }
        for (int i = 0; i < c.width && norm != nullptr; i++) {
            head[i] *= norm[i] / std::sqrt(squares / c.width + EPSILON);
        }
        for (int pair = 0; pair < c.pairs; pair++) {
            const int first = c.offset + (c.halves ? pair : 2 * pair), second = first + (c.halves ? c.pairs : 1);
            const double angle = POSITIONS[h / heads] * frequencies[pair], a = head[first], b = head[second];
            head[first] = MAGNITUDE * (a * std::cos(angle) - b * std::sin(angle));
            head[second] = MAGNITUDE * (a * std::sin(angle) + b * std::cos(angle));
        }
    }
    return result;
}

/* A cache of one page with nothing in it but zeros. */
struct Cache {
    Cache(int type, int columns)
        : type(type), columns(columns), bytes((size_t)PLACES * (columns / type_of(type).elements * type_of(type).bytes)) {
        memset(bytes.data(), 0, bytes.count);
    }
    /* Rows with a slot are there, in the type's precision; everything else is still zero. */
    void compare_with(const char *name, const std::vector<double> &rows) {
        Memory<int> page(1), starts(2);
        page[0] = starts[0] = starts[1] = 0;
        Memory<float> read((size_t)PLACES * columns);
        launch("read_keys", {blocks(columns, 256), 2, 1, 256, 0}, read.data(), (const void *)bytes.data(),
               (const int *)page.data(), (const int *)starts.data(), 1, PLACES, columns, (long long)PLACES, type);
        std::vector<double> expected(read.count);
        for (int r = 0; r < ROWS; r++) {
            if (SLOTS[r] >= 0) {
                std::copy_n(rows.begin() + (size_t)r * columns, columns, expected.begin() + (size_t)SLOTS[r] * columns);
            }
        }
        compare(std::string(name) + " in " + type_of(type).name, read, expected, {1}, type == 0 ? 1e-5 : 0.04,
                type == 0 ? 1e-6 : 0.01);
        if (!bytes.is_intact()) {
            failed("finish_heads wrote beyond the cache");
        }
    }
    int type, columns;
    Memory<unsigned char> bytes;
};

void check(const Case &c) {
    Memory<float> q((size_t)ROWS * c.heads * c.width, 4), k((size_t)ROWS * c.kv_heads * c.width),
        v((size_t)ROWS * c.value_columns, 8), q_bias((size_t)c.heads * c.width), k_bias((size_t)c.kv_heads * c.width),
        v_bias((size_t)c.value_columns), q_norm((size_t)c.width), k_norm((size_t)c.width);
    for (Memory<float> *memory : {&q, &k, &v, &q_bias, &k_bias, &v_bias, &q_norm, &k_norm}) {
        fill_normal(*memory);
    }
    Memory<double> frequencies((size_t)std::max(1, c.pairs));
    for (int i = 0; i < c.pairs; i++) {
        frequencies[i] = std::pow(10000.0, -(double)i / c.pairs);
    }
    Memory<int> slots(ROWS), positions(ROWS);
    std::copy(SLOTS, SLOTS + ROWS, slots.data());
    std::copy(POSITIONS, POSITIONS + ROWS, positions.data());
    const float *biases[] = {q_bias.data(), k_bias.data(), v_bias.data()}, *norms[] = {q_norm.data(), k_norm.data()};
    for (const float *&bias : biases) {
        bias = c.biases ? bias : nullptr;
    }
    for (const float *&norm : norms) {
        norm = c.norms ? norm : nullptr;
    }
    const std::vector<double> queries = finished(q, biases[0], norms[0], c, c.heads, frequencies);
    const std::vector<double> stored = finished(k, biases[1], norms[1], c, c.kv_heads, frequencies);
    std::vector<double> values(v.data(), v.data() + v.count);
    for (size_t i = 0; i < v.count; i++) {
        values[i] += c.biases ? v_bias[i % c.value_columns] : 0;
    }
    Cache keys(c.type, c.kv_heads * c.width), value_cache(c.type, c.value_columns);
    launch("finish_heads", {blocks(c.heads + c.kv_heads + blocks(c.value_columns, 128), 4), 2, 1, 128, 0}, q.data(),
           (const float *)k.data(), (const float *)v.data(), biases[0], biases[1], biases[2], norms[0], norms[1],
           (const int *)positions.data(), (const double *)frequencies.data(), (const int *)slots.data(),
           (void *)keys.bytes.data(), (void *)value_cache.bytes.data(), ROWS, c.heads, c.kv_heads, c.width,
           c.value_columns, EPSILON, c.offset, c.pairs, c.halves, MAGNITUDE, (long long)PLACES, c.type, c.type);
    compare("queries", q, queries, {1}, 2e-5, 2e-6);
    keys.compare_with("keys", stored);
    value_cache.compare_with("values", values);
}

} // namespace

CHECK(finish_heads) {
    for (int type : {0, 1, 30, 8}) {
        for (bool biases : {false, true}) {
            for (bool norms : {false, true}) {
                check({type, 4, 2, 64, 128, 0, 32, 1, biases, norms});
                check({type, 3, 1, 512, 160, 64, 16, 0, biases, norms});
                check({type, 7, 1, 32, 32, 0, 0, 0, biases, norms});
                if (type != 8) {
                    check({type, 5, 5, 17, 33, 3, 5, 0, biases, norms});
                }
            }
        }
    }
}
