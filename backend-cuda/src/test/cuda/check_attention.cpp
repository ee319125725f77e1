/* The cache and attention over it, against plain loops in double. */
#include "check.h"

#include <algorithm>
#include <memory>

static const int CACHE_TYPES[] = {0, 1, 30, 8};

/* A paged cache with sequences in shuffled pages, filled through append_kv. */
struct Cache {
    Cache(int type, const std::vector<int> &lengths, int page_size, int width)
        : type(type), page_size(page_size), width(width) {
        int count = 2;
        for (int length : lengths) {
            starts.push_back(rows);
            starts.push_back((int)table.size());
            for (int page = 0; page < (length + page_size - 1) / page_size; page++) {
                table.push_back(count++);
            }
            rows += length;
        }
        std::shuffle(table.begin(), table.end(), randomness);
        places = (long long)count * page_size;
        bytes.reset(new Memory<unsigned char>((size_t)places * (size_t)(width / type_of(type).elements * type_of(type).bytes)));
        memset(bytes->data(), 0x7F, bytes->count); /* what is not written is enormous or NaN */
        Memory<float> x((size_t)rows * width, 4);
        fill_normal(x);
        Memory<int> slots((size_t)rows);
        for (size_t s = 0, row = 0; s < lengths.size(); s++) {
            for (int position = 0; position < lengths[s]; position++) {
                slots[row++] = table[starts[2 * s + 1] + position / page_size] * page_size + position % page_size;
            }
        }
        launch("append_kv", {::blocks(width, 256), 5, 1, 256, 0}, (void *)bytes->data(), (const float *)x.data(),
               (const int *)slots.data(), rows, width, places, type);
        pages.reset(new Memory<int>(table.size()));
        std::copy(table.begin(), table.end(), pages->data());
        Memory<int> places_of(starts.size());
        std::copy(starts.begin(), starts.end(), places_of.data());
        Memory<float> read(x.count);
        launch("read_keys", {::blocks(width, 256), 3, 1, 256, 0}, read.data(), (const void *)bytes->data(),
               (const int *)pages->data(), (const int *)places_of.data(), (int)lengths.size(), page_size, width,
               (long long)rows, type);
        values.assign(read.data(), read.data() + read.count);
        compare("cache of " + std::string(type_of(type).name), read, std::vector<double>(x.data(), x.data() + x.count), {1},
                type == 0 ? 0 : 0.03, type == 0 ? 0 : 0.01);
        if (!bytes->is_intact()) {
            failed("append_kv wrote beyond the cache");
        }
    }
    const float *row(int sequence, int position) const { return &values[(size_t)(starts[2 * sequence] + position) * width]; }
    int type, page_size, width, rows = 0;
    long long places;
    std::vector<int> table, starts;
    std::unique_ptr<Memory<unsigned char>> bytes;
    std::unique_ptr<Memory<int>> pages;
    std::vector<float> values;
};

struct Scene {
    int heads, kv_heads, key_width, value_width, window;
    float soft_cap;
    bool sinks, latent;
    int page_size;
};

static void attend(int type, const Scene &s, const std::vector<int> &rows, const std::vector<int> &lengths, int tile_rows,
                   int splits) {
    Cache keys(type, lengths, s.page_size, s.kv_heads * s.key_width);
    std::unique_ptr<Cache> values;
    if (!s.latent) {
        values.reset(new Cache(type, lengths, s.page_size, s.kv_heads * s.value_width));
        /* One table serves both. */
        Memory<unsigned char> moved(values->bytes->count);
        memset(moved.data(), 0x7F, moved.count);
        const size_t row_bytes = values->bytes->count / (size_t)values->places;
        for (size_t page = 0; page < keys.table.size(); page++) {
            memcpy(moved.data() + (size_t)keys.table[page] * s.page_size * row_bytes,
                   values->bytes->data() + (size_t)values->table[page] * s.page_size * row_bytes, s.page_size * row_bytes);
        }
        memcpy(values->bytes->data(), moved.data(), moved.count);
    }
    int total = 0;
    std::vector<int> tiles;
    for (size_t q = 0; q < rows.size(); q++) {
        for (int r = 0; r < rows[q]; r += tile_rows) {
            tiles.insert(tiles.end(), {total + r, std::min(tile_rows, rows[q] - r), lengths[q] - rows[q] + r,
                                       keys.starts[2 * q + 1]});
        }
        total += rows[q];
    }
    Memory<int> tile_table(tiles.size());
    std::copy(tiles.begin(), tiles.end(), tile_table.data());
    Memory<float> q((size_t)total * s.heads * s.key_width), out((size_t)total * s.heads * s.value_width, 4),
        sinks((size_t)s.heads), partial((size_t)total * s.heads * splits * (s.value_width + 2));
    fill_normal(q, 2);
    fill_normal(sinks);
    const float scale = 1 / std::sqrt((float)s.key_width);
    const int d = s.value_width <= 128 ? 128 : s.value_width <= 256 ? 256 : 512, tile_count = (int)tiles.size() / 4;
    const unsigned y = (unsigned)s.kv_heads * blocks(tile_rows * (s.heads / s.kv_heads), 8) * blocks(s.value_width, d);
    launch("attend_" + std::to_string(d), {(unsigned)splits, y, (unsigned)std::max(1, tile_count - 1), 128, 0}, out.data(),
           splits > 1 ? partial.data() : nullptr, (const float *)q.data(), (const void *)keys.bytes->data(),
           values ? (const void *)values->bytes->data() : nullptr, s.sinks ? (const float *)sinks.data() : nullptr,
           (const int *)tile_table.data(), (const int *)keys.pages->data(), type, type, s.heads, s.kv_heads, s.key_width,
           s.value_width, s.page_size, s.window, scale, s.soft_cap, tile_rows, tile_count);
    if (splits > 1) {
        launch("attend_combine", {(unsigned)s.heads, 2, 1, 128, 0}, out.data(), (const float *)partial.data(), total,
               s.heads, splits, s.value_width);
    }
    Memory<float> halves(out.count, 4);
    const bool has_halves = s.key_width <= 192 && s.value_width <= 128 && splits == 1;
    if (has_halves) {
        const std::string widths = s.key_width <= 64 && s.value_width <= 64 ? "64_64" : s.key_width <= 128 ? "128_128" : "192_128";
        const unsigned many_y = (unsigned)s.kv_heads * blocks(tile_rows * (s.heads / s.kv_heads), 64);
        launch("attend_many_" + widths, {1, many_y, (unsigned)std::max(1, tile_count - 1), 128, 0}, halves.data(),
               (const float *)q.data(), (const void *)keys.bytes->data(),
               values ? (const void *)values->bytes->data() : nullptr, s.sinks ? (const float *)sinks.data() : nullptr,
               (const int *)tile_table.data(), (const int *)keys.pages->data(), type, type, s.heads, s.kv_heads,
               s.key_width, s.value_width, s.page_size, s.window, scale, s.soft_cap, tile_rows, tile_count);
    }
    Memory<float> few(out.count, 4);
    const bool has_few = s.latent ? s.key_width <= 576 && s.value_width <= 512 : s.key_width <= 256 && s.value_width <= 256;
    if (has_few) {
        const bool narrow = s.value_width <= 128;
        const std::string widths = s.latent ? "576_512" : s.key_width <= 64 && s.value_width <= 64 ? "64_64"
            : s.key_width <= 128 && narrow ? "128_128" : s.key_width <= 192 && narrow ? "192_128" : "256_256";
        const unsigned shared = s.latent ? 95232 : widths == "64_64" ? 22528 : widths == "128_128" ? 40960
            : widths == "192_128" ? 51200 : 77824;
        const unsigned few_y = (unsigned)s.kv_heads * blocks(tile_rows * (s.heads / s.kv_heads), 16);
        fill_normal(partial); /* what is not written is wrong */
        launch("attend_few_" + widths, {(unsigned)splits, few_y, (unsigned)std::max(1, tile_count - 1), 128, shared},
               few.data(), splits > 1 ? partial.data() : nullptr, (const float *)q.data(), (const void *)keys.bytes->data(),
               values ? (const void *)values->bytes->data() : nullptr, s.sinks ? (const float *)sinks.data() : nullptr,
               (const int *)tile_table.data(), (const int *)keys.pages->data(), type, type, s.heads, s.kv_heads,
               s.key_width, s.value_width, s.page_size, s.window, scale, s.soft_cap, tile_rows, tile_count);
        if (splits > 1) {
            launch("attend_combine", {(unsigned)s.heads, 2, 1, 128, 0}, few.data(), (const float *)partial.data(), total,
                   s.heads, splits, s.value_width);
        }
    }
    std::vector<double> expected;
    for (size_t sequence = 0, row = 0; sequence < rows.size(); sequence++) {
        for (int r = 0; r < rows[sequence]; r++, row++) {
            const int position = lengths[sequence] - rows[sequence] + r;
            const int first = s.window == 0 ? 0 : std::max(0, position - s.window + 1);
            for (int head = 0; head < s.heads; head++) {
                const int kv_head = head / (s.heads / s.kv_heads);
                std::vector<double> sum(s.value_width);
                double divisor = s.sinks ? std::exp((double)sinks[head]) : 0;
                for (int p = first; p <= position; p++) {
                    const float *key = keys.row((int)sequence, p) + kv_head * s.key_width;
                    double score = 0;
                    for (int i = 0; i < s.key_width; i++) {
                        score += (double)q[(row * s.heads + head) * s.key_width + i] * key[i];
                    }
                    score *= scale;
                    const double power = std::exp(s.soft_cap == 0 ? score : s.soft_cap * std::tanh(score / s.soft_cap));
                    divisor += power;
                    for (int i = 0; i < s.value_width; i++) {
                        sum[i] += power * (s.latent ? key[i] : values->row((int)sequence, p)[kv_head * s.value_width + i]);
                    }
                }
                for (double value : sum) {
                    expected.push_back(value / divisor);
                }
            }
        }
    }
    compare("attention in " + std::string(type_of(type).name) + ", " + std::to_string(splits) + " splits", out, expected,
            {root_mean_square(expected)}, 2e-5, 2e-6);
    if (has_halves) {
        compare("attention on halves in " + std::string(type_of(type).name), halves, expected, {root_mean_square(expected)},
                2e-2, 2e-3);
    }
    if (has_few) {
        compare("attention of few rows in " + std::string(type_of(type).name) + ", " + std::to_string(splits) + " splits", few,
                expected, {root_mean_square(expected)}, 2e-2, 2e-3);
    }
    if (splits > 1 && !partial.is_intact()) {
        failed("attention wrote beyond its parts");
    }
}

CHECK(attention) {
    for (int type : CACHE_TYPES) {
        for (int splits : {1, 3}) {
            attend(type, {12, 3, 64, 64, 0, 0, false, false, 8}, {1, 7, 1, 2}, {300, 7, 9, 100}, 2, splits);
            attend(type, {7, 1, 32, 32, 0, 0, false, false, 1}, {2, 3}, {11, 3}, 8, splits);
            attend(type, {4, 4, 128, 128, 0, 0, true, false, 16}, {40}, {290}, 8, splits);
            attend(type, {6, 2, 64, 32, 31, 0, true, false, 16}, {7, 1}, {90, 65}, 3, splits);
            attend(type, {6, 2, 64, 96, 5, 2, false, false, 16}, {3, 1}, {20, 33}, 1, splits);
            attend(type, {16, 1, 576, 512, 0, 0, false, true, 64}, {2, 1}, {20, 133}, 1, splits);
            attend(type, {9, 1, 96, 64, 9, 0, true, true, 16}, {5, 1}, {20, 33}, 4, splits);
            attend(type, {2, 1, 32, 544, 0, 0.5f, true, false, 16}, {5, 1}, {20, 33}, 8, splits);
            attend(type, {2, 1, 192, 128, 0, 0, false, false, 16}, {70}, {200}, 64, splits);
            attend(type, {8, 2, 64, 64, 70, 0, true, false, 16}, {100, 3}, {150, 33}, 16, splits);
            attend(type, {2, 2, 256, 256, 0, 0, false, false, 16}, {3}, {50}, 8, splits);
            if (type != 8) {
                attend(type, {3, 1, 31, 33, 0, 0, false, false, 5}, {2, 1}, {9, 40}, 2, splits);
                attend(type, {4, 2, 24, 17, 0, 0, false, false, 4}, {3}, {9}, 8, splits);
                attend(type, {1, 1, 1, 1, 0, 0, false, false, 4}, {3}, {9}, 8, splits);
            }
        }
    }
}
