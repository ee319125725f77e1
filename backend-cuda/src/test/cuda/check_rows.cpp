/* Row operations, and what the fibers promise, against plain loops. */
#include "check.h"

static const int WIDTHS[] = {1, 31, 33, 257, 4096};

CHECK(norms) {
    for (int width : WIDTHS) {
        for (int rows : {1, 3}) {
            Memory<float> a((size_t)rows * width, 4), b(a.count), weight((size_t)width), sum(a.count), out(a.count, 8);
            fill_normal(a, 10);
            fill_normal(b);
            fill_normal(weight);
            std::vector<double> sums(a.count), normed(a.count);
            for (int r = 0; r < rows; r++) {
                double squares = 0;
                for (int i = r * width; i < (r + 1) * width; i++) {
                    sums[i] = (double)a[i] + b[i];
                    squares += sums[i] * sums[i];
                }
                for (int i = r * width; i < (r + 1) * width; i++) {
                    normed[i] = sums[i] / std::sqrt(squares / width + 1e-5) * weight[i - r * width];
                }
            }
            launch("add_rms_norm", {(unsigned)rows, 1, 1, width > 2048 ? 1024u : 256u, 0}, out.data(), sum.data(),
                   a.data(), b.data(), weight.data(), rows, width, 1e-5f);
            compare("sum", sum, sums, {10}, 1e-6, 1e-6);
            compare("norm of a sum", out, normed, {1}, 1e-5, 2e-6);
            launch("rms_norm", {(unsigned)rows, 1, 1, 256, 0}, sum.data(), sum.data(), weight.data(), rows, width, 1e-5f);
            compare("norm in place", sum, normed, {1}, 1e-5, 2e-6);
        }
    }
}

CHECK(rope) {
    for (int halves : {0, 1}) {
        const int rows = 3, heads = 5, width = 96, offset = 64, pairs = 16;
        Memory<float> x((size_t)rows * heads * width);
        Memory<int> positions(3);
        Memory<double> frequencies(16);
        fill_normal(x);
        positions[0] = 0;
        positions[1] = 131071;
        positions[2] = 1 << 20;
        for (int i = 0; i < pairs; i++) {
            frequencies[i] = std::pow(10000.0, -(double)i / pairs);
        }
        std::vector<double> expected(x.data(), x.data() + x.count);
        for (int r = 0; r < rows; r++) {
            for (int h = 0; h < heads; h++) {
                for (int pair = 0; pair < pairs; pair++) {
                    const double angle = positions[r] * frequencies[pair];
                    const size_t head = ((size_t)r * heads + h) * width + offset;
                    const size_t first = head + (halves ? pair : 2 * pair), second = first + (halves ? pairs : 1);
                    const double a = x[first], b = x[second];
                    expected[first] = 0.7f * (a * std::cos(angle) - b * std::sin(angle));
                    expected[second] = 0.7f * (a * std::sin(angle) + b * std::cos(angle));
                }
            }
        }
        launch("rope", {1, 2, 1, 256, 0}, x.data(), positions.data(), frequencies.data(), rows, heads, width, offset,
               pairs, halves, 0.7f);
        compare("rope", x, expected, {1}, 5e-6, 1e-6);
    }
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/* Element by element: each kernel on odd sizes, in place where the contract allows it. */
CHECK(elements) {
    for (int width : WIDTHS) {
        const int rows = 4, count = rows * width;
        Memory<float> a((size_t)count, 4), b(a.count), out(a.count, 8), row((size_t)width);
        fill_normal(a, 3);
        fill_normal(b);
        fill_normal(row);
        const Geometry all = {blocks(count, 256), 1, 1, 256, 0};
        std::vector<double> sum(a.count), with_row(a.count), swiglu(a.count), clamped(a.count);
        for (int i = 0; i < count; i++) {
            sum[i] = (double)a[i] + b[i];
            with_row[i] = (double)a[i] + row[i % width];
            swiglu[i] = a[i] * sigmoid(a[i]) * b[i];
            const double g = std::fmin(a[i], 0.9), u = std::fmin(std::fmax(b[i], -0.9), 0.9);
            clamped[i] = g * sigmoid(1.702 * g) * (u + 1);
        }
        launch("add", all, out.data(), (const float *)a.data(), (const float *)b.data(), (long long)count, (long long)count);
        compare("add", out, sum, {1}, 1e-6, 1e-6);
        launch("add", all, out.data(), (const float *)a.data(), (const float *)row.data(), (long long)count, (long long)width);
        compare("add a row", out, with_row, {1}, 1e-6, 1e-6);
        launch("gate", all, out.data(), (const float *)a.data(), (const float *)b.data(), (long long)count, 0, 1.0f, 0.0f);
        compare("gate", out, swiglu, {1}, 5e-6, 1e-6);
        Memory<float> gate(a.count);
        std::copy(a.data(), a.data() + count, gate.data());
        launch("gate", all, gate.data(), (const float *)gate.data(), (const float *)b.data(), (long long)count, 1, 1.702f, 0.9f);
        compare("gate, clamped, in place", gate, clamped, {1}, 2e-6, 1e-6);
        launch("fill", all, out.data(), (long long)count, 2.5f);
        compare("fill", out, std::vector<double>(a.count, 2.5), {1}, 0, 0);
        Memory<float> scores(4);
        fill_normal(scores);
        std::vector<double> scaled;
        for (int i = 0; i < count; i++) {
            scaled.push_back(a[i] + sigmoid(scores[i / width]) * b[i]);
        }
        std::copy(a.data(), a.data() + count, out.data());
        launch("add_sigmoid_scaled", all, out.data(), (const float *)b.data(), (const float *)scores.data(), (long long)count,
               width);
        compare("add_sigmoid_scaled", out, scaled, {1}, 2e-6, 1e-6);
    }
}

CHECK(moves) {
    for (int width : WIDTHS) {
        const int rows = 4, count = rows * width;
        Memory<float> x((size_t)count), biases(x.count), out(x.count), weights(4), combined((size_t)2 * width);
        fill_normal(x);
        fill_normal(biases);
        fill_normal(weights);
        Memory<int> ids(4);
        const int picked[] = {3, -1, 0, 4};
        std::copy(picked, picked + 4, ids.data());
        std::vector<double> gathered(x.count), biased(x.count), sums(combined.count);
        ids[3] = 2; /* so that all that are not negative are experts */
        for (int i = 0; i < count; i++) {
            const int id = ids[i / width];
            gathered[i] = id < 0 ? 0 : x[id * width + i % width];
            biased[i] = (double)x[i] + (id < 0 ? 0 : biases[id * width + i % width]);
            sums[i / width / 2 * width + i % width] += id < 0 ? 0 : (double)weights[i / width] * x[i];
        }
        launch("gather_rows", {blocks(width, 256), 3, 1, 256, 0}, out.data(), (const float *)x.data(), (const int *)ids.data(),
               rows, width, rows);
        compare("gather_rows", out, gathered, {1}, 0, 0);
        launch("combine_experts", {blocks(width, 256), 1, 1, 256, 0}, combined.data(), (const float *)x.data(),
               (const float *)weights.data(), (const int *)ids.data(), 2, width, 2);
        compare("combine_experts", combined, sums, {1}, 2e-6, 1e-6);
        std::copy(x.data(), x.data() + count, out.data());
        launch("add_by_expert", {blocks(count, 256), 1, 1, 256, 0}, out.data(), (const float *)biases.data(),
               (const int *)ids.data(), (long long)count, width);
        compare("add_by_expert", out, biased, {1}, 1e-6, 1e-6);
        const int columns = (width + 1) / 2, from = width - columns, wide = columns + 5;
        Memory<float> pasted((size_t)3 * rows * wide);
        fill_normal(pasted);
        std::vector<double> expected(pasted.data(), pasted.data() + pasted.count);
        for (int r = 0; r < 3 * rows; r++) {
            for (int i = 0; i < columns; i++) {
                expected[r * wide + 3 + i] = x[r / 3 * width + from + i];
            }
        }
        launch("paste_columns", {blocks(columns, 256), 5, 1, 256, 0}, pasted.data(), (const float *)x.data(), 3 * rows, 3,
               columns, 3, wide, from, width);
        compare("paste_columns", pasted, expected, {1}, 0, 0);
    }
}
