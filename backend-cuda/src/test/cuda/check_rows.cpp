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
