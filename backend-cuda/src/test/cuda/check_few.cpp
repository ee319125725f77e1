/* Products with few rows of activations, against sums in double over decoded weights and plain x. */
#include "check.h"

#include <memory>

/* Rounding x to eight bits for 32 elements: each product is off by up to half a step of 1 / 127 of the largest x. */
static const double BYTES_LARGEST = 5e-2, BYTES_MEAN = 1e-2, FLOATS_LARGEST = 2e-5, FLOATS_MEAN = 2e-6;

static bool is_plain(const TypeName &type) { return type.elements == 1; }

/* Rows of x as the kernels of a type read them. */
struct Rows {
    Rows(const TypeName &type, int rows, int k)
        : x((size_t)rows * k), rounded(is_plain(type) ? 0 : (size_t)rows * blocks(k, 256) * 320) {
        fill_normal(x);
        if (!is_plain(type)) {
            launch("quantize_rows", {blocks(k, 256), (unsigned)rows, 1, 256, 0}, (const float *)x.data(),
                   (void *)rounded.data(), rows, k);
        }
        input = is_plain(type) ? (const void *)x.data() : (const void *)rounded.data();
    }
    Memory<float> x;
    Memory<unsigned char> rounded;
    const void *input;
};

static double dot(const float *a, const float *b, int k, double *scale) {
    double sum = 0, left = 0, right = 0;
    for (int i = 0; i < k; i++) {
        sum += (double)a[i] * b[i];
        left += (double)a[i] * a[i];
        right += (double)b[i] * b[i];
    }
    *scale = std::sqrt(left * right / k);
    return sum;
}

CHECK(quantize_rows) {
    for (int k : {32, 96, 256, 288}) {
        const int rows = 3, padded = (k + 255) / 256 * 256;
        Memory<float> x((size_t)rows * k, 4);
        fill_normal(x);
        for (int i = 0; i < 32; i++) {
            x[i] = 0;
        }
        Memory<unsigned char> rounded((size_t)rows * padded * 5 / 4);
        launch("quantize_rows", {blocks(k, 256), 2, 1, 256, 0}, (const float *)x.data(), (void *)rounded.data(), rows, k);
        Memory<float> back(x.count);
        std::vector<double> expected;
        for (int r = 0; r < rows; r++) {
            const unsigned char *row = rounded.data() + r * padded * 5 / 4;
            for (int i = 0; i < k; i++) {
                float scale;
                memcpy(&scale, row + padded + i / 32 * 4, 4);
                back[r * k + i] = scale * (float)(signed char)row[i];
                expected.push_back(x[r * k + i]);
            }
            for (int i = 0; i < padded / 16; i++) {
                short sum;
                memcpy(&sum, row + padded + padded / 8 + 2 * i, 2);
                for (int j = 0; j < 16; j++) {
                    sum = (short)(sum - (signed char)row[16 * i + j]);
                }
                if (sum != 0) {
                    failed("a sum of rounded elements");
                }
            }
        }
        compare("rounded rows", back, expected, {1}, 0.02, 0.01);
    }
}

static void multiply(const TypeName &type, int rows, int at_once, int n, int k, size_t shift) {
    Weight weight(type.type, n, k, shift);
    Rows x(type, rows, k);
    Memory<float> out((size_t)rows * n, 12);
    const std::string name = std::string("multiply_few_") + type.name + "_" + std::to_string(at_once);
    launch(name, {blocks(n, 8), blocks(rows, at_once), 1, 128, 0}, out.data(), (const void *)weight.bytes.data(), x.input,
           (const int *)nullptr, rows, n, k, 1, 1, 0LL, (float *)nullptr, (const void *)nullptr, 0, (float *)nullptr,
           (const void *)nullptr, 0);
    std::vector<double> expected(out.count), scale(out.count);
    for (size_t i = 0; i < out.count; i++) {
        expected[i] = dot(&x.x[i / n * k], &weight.values[i % n * k], k, &scale[i]);
    }
    const std::string text = name + " " + std::to_string(rows) + " x " + std::to_string(n) + " x " + std::to_string(k);
    compare(text, out, expected, scale, is_plain(type) ? FLOATS_LARGEST : BYTES_LARGEST,
            is_plain(type) ? FLOATS_MEAN : BYTES_MEAN * (1 + 2 / std::sqrt((double)out.count)));
    if (!is_plain(type)) {
        Memory<float> exact(out.count);
        launch("multiply_few_float", {blocks(n, 8), (unsigned)rows, 1, 128, 0}, exact.data(),
               (const void *)weight.bytes.data(), (const void *)x.x.data(), (const int *)nullptr, rows, n, k, 1, 1, 0LL,
               type.type);
        compare(text + " exact", exact, expected, scale, FLOATS_LARGEST, FLOATS_MEAN);
    }
}

CHECK(multiply_few) {
    for (const TypeName &type : types()) {
        for (int at_once : {1, 4, 8}) {
            if (at_once == 1 || (!is_rare(type) && (at_once == 4 || !is_plain(type)))) {
                multiply(type, 1, at_once, 33, 1024, 0);
                multiply(type, at_once + 1, at_once, 5, is_plain(type) ? 257 : 3 * 256, 2);
                multiply(type, at_once - (at_once > 2), at_once, 40, type.elements == 1 ? 31 : type.elements, 0);
                multiply(type, at_once, at_once, 3, is_plain(type) ? 64 : 512, type.elements == 1 ? type.bytes : 17);
            }
        }
    }
}

/* Up to three weights of a type with the same rows, in one launch. */
CHECK(several_weights) {
    for (const TypeName &type : types()) {
        for (int second_n : {3, 16}) {
            for (int third_n : {0, 9}) {
                const int k = is_plain(type) ? 72 : 512, rows = 3, n[] = {17, second_n, third_n};
                std::vector<std::unique_ptr<Weight>> weights;
                std::vector<std::unique_ptr<Memory<float>>> outs;
                unsigned total = 0;
                for (int i = 0; i < 3; i++) {
                    weights.emplace_back(new Weight(type.type, std::max(1, n[i]), k));
                    outs.emplace_back(new Memory<float>((size_t)rows * n[i], 4));
                    total += blocks(n[i], 8);
                }
                Rows x(type, rows, k);
                launch(std::string("multiply_few_") + type.name + "_1", {total, rows, 1, 128, 0}, outs[0]->data(),
                       (const void *)weights[0]->bytes.data(), x.input, (const int *)nullptr, rows, n[0], k, 1, 1, 0LL,
                       outs[1]->data(), (const void *)weights[1]->bytes.data(), n[1], outs[2]->data(),
                       (const void *)weights[2]->bytes.data(), n[2]);
                for (int i = 0; i < 3; i++) {
                    std::vector<double> expected(outs[i]->count), scale(outs[i]->count, 1);
                    for (size_t j = 0; j < expected.size(); j++) {
                        expected[j] = dot(&x.x[j / n[i] * k], &weights[i]->values[j % n[i] * k], k, &scale[j]);
                    }
                    compare(std::string("weight ") + std::to_string(i) + " of " + type.name, *outs[i], expected, scale,
                            is_plain(type) ? FLOATS_LARGEST : BYTES_LARGEST, is_plain(type) ? FLOATS_MEAN : 1.5 * BYTES_MEAN);
                }
            }
        }
    }
}

/* Experts, some elsewhere; and a matrix for each head. */
CHECK(stacks) {
    for (const TypeName &type : types()) {
        for (bool heads : {false, true}) {
            const int matrices = 5, m = 7, first = heads ? 2 : 0, n = heads ? 3 : m, k = is_plain(type) ? 40 : 512;
            const int share = heads ? matrices : 2, rows = 2 * share;
            Weight stack(type.type, matrices * m, k);
            Rows x(type, rows / share, k);
            Memory<int> ids((size_t)rows);
            for (int r = 0; r < rows; r++) {
                ids[r] = heads ? r % matrices : r == 1 ? -7 : below(matrices);
            }
            Memory<float> out((size_t)rows * n);
            const void *from = stack.bytes.data() + first * stack.row_bytes;
            launch(std::string("multiply_few_") + type.name + "_1", {blocks(n, 8), 3, 1, 128, 0}, out.data(), from, x.input,
                   heads ? (const int *)nullptr : ids.data(), rows, n, k, share, matrices, m * stack.row_bytes,
                   (float *)nullptr, (const void *)nullptr, 0, (float *)nullptr, (const void *)nullptr, 0);
            std::vector<double> expected(out.count), scale(out.count, 1);
            for (size_t i = 0; i < out.count; i++) {
                const size_t row = i / n;
                if (ids[row] >= 0) {
                    const float *w = &stack.values[((size_t)ids[row] * m + first + i % n) * k];
                    expected[i] = dot(&x.x[row / share * k], w, k, &scale[i]);
                }
            }
            compare(std::string("stack of ") + type.name, out, expected, scale,
                    is_plain(type) ? FLOATS_LARGEST : BYTES_LARGEST, is_plain(type) ? FLOATS_MEAN : 1.5 * BYTES_MEAN);
        }
    }
}

static double act(double gate, double up, int kind, double alpha, double limit) {
    if (kind == 1) {
        gate = std::fmin(gate, limit);
        up = std::fmin(std::fmax(up, -limit), limit) + 1;
    }
    return gate / (1 + std::exp(-(kind == 1 ? alpha : 1) * gate)) * up;
}

CHECK(experts) {
    for (const TypeName &type : types()) {
        for (int kind : {0, 1}) {
            const int experts = 6, used = 3, rows = 2, n = 10, k = type.elements == 1 ? 33 : kind ? 1536 : 256;
            Weight gate(type.type, experts * n, k), up(type.type, experts * n, k);
            Rows x(type, rows, k);
            Memory<float> gate_bias((size_t)experts * n), up_bias(gate_bias.count), weights((size_t)rows * used);
            fill_normal(gate_bias);
            fill_normal(up_bias);
            fill_normal(weights);
            Memory<int> ids((size_t)rows * used);
            for (int i = 0; i < rows * used; i++) {
                ids[i] = i == 4 ? -1 : below(experts);
            }
            Memory<float> out((size_t)rows * used * n);
            std::vector<double> gates;
            double scale;
            for (int i = 0; i < n; i++) {
                gates.push_back(dot(&x.x[0], &gate.values[i * k], k, &scale));
            }
            /* Within what gates and ups are, so that it matters and no rounding is large beside it. */
            const float limit = (float)root_mean_square(gates);
            launch(std::string("gated_few_") + type.name, {blocks(n, 4), 5, 1, 128, 0}, out.data(),
                   (const void *)gate.bytes.data(), (const void *)up.bytes.data(), x.input, (const int *)ids.data(),
                   kind ? (const float *)gate_bias.data() : nullptr, kind ? (const float *)up_bias.data() : nullptr,
                   rows * used, n, k, used, n * gate.row_bytes, kind, 1.702f, limit);
            std::vector<double> expected(out.count);
            for (size_t i = 0; i < out.count; i++) {
                const int id = ids[i / n];
                if (id >= 0) {
                    const size_t row = (size_t)id * n + i % n;
                    const float *xs = &x.x[i / n / used * k];
                    const double g = dot(xs, &gate.values[row * k], k, &scale) + (kind ? gate_bias[row] : 0.0f);
                    const double u = dot(xs, &up.values[row * k], k, &scale) + (kind ? up_bias[row] : 0.0f);
                    expected[i] = act(g, u, kind, 1.702, limit);
                }
            }
            compare(std::string("gated ") + type.name, out, expected, {root_mean_square(expected)},
                    is_plain(type) ? 2e-4 : 0.4, is_plain(type) ? 2e-5 : 0.04);

            Weight down(type.type, experts * n, k, type.elements == 1 ? 0 : 6);
            Rows inner(type, rows * used, k);
            Memory<float> sums((size_t)rows * n);
            launch(std::string("down_few_") + type.name, {blocks(n, 4), 1, 1, 128, 0}, sums.data(),
                   (const void *)down.bytes.data(), inner.input, (const int *)ids.data(), (const float *)weights.data(),
                   kind ? (const float *)gate_bias.data() : nullptr, rows, used, n, k, n * down.row_bytes);
            std::vector<double> totals(sums.count);
            for (size_t i = 0; i < sums.count; i++) {
                for (size_t choice = i / n * used; choice < (i / n + 1) * used; choice++) {
                    if (ids[choice] >= 0) {
                        const size_t row = (size_t)ids[choice] * n + i % n;
                        const double y = dot(&inner.x[choice * k], &down.values[row * k], k, &scale);
                        totals[i] += weights[choice] * (y + (kind ? gate_bias[row] : 0.0f));
                    }
                }
            }
            compare(std::string("down ") + type.name, sums, totals, {root_mean_square(totals)},
                    is_plain(type) ? 1e-4 : 0.1, is_plain(type) ? 1e-5 : 0.02);
        }
    }
}
