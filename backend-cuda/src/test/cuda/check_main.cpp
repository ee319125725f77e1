/* Runs the checks: all, or those whose names are given. The seed is printed and can be set with SEED. */
#include "check.h"

#include <chrono>

std::mt19937_64 randomness;
int cases, failures;
static Check *checks;

Check::Check(const char *name, void (*run)()) : name(name), run(run), next(checks) { checks = this; }

void failed(const std::string &what) {
    failures++;
    if (failures <= 40) {
        printf("FAILED %s\n", what.c_str());
    }
}

void compare(const std::string &name, const Memory<float> &actual, const std::vector<double> &expected,
             const std::vector<double> &scale, double largest, double mean) {
    cases++;
    double squares = 0, worst = -1;
    size_t at = 0;
    for (size_t i = 0; i < expected.size(); i++) {
        const double unit = scale[scale.size() == 1 ? 0 : i], difference = std::fabs(actual[i] - expected[i]);
        double error = difference == 0 ? 0 : difference / unit;
        if (!(error <= 1e30)) {
            error = 1e30;
        }
        if (error > worst) {
            worst = error;
            at = i;
        }
        squares += error * error;
    }
    const double root = std::sqrt(squares / (double)expected.size());
    if (worst > largest || root > mean) {
        char text[400];
        snprintf(text, sizeof text, "%s: element %zu of %zu is %g, not %g (error %g, root mean square %g)", name.c_str(),
                 at, expected.size(), (double)actual[at], expected[at], worst, root);
        failed(text);
    } else if (!actual.is_intact()) {
        failed(name + ": wrote beyond its output");
    }
}

int main(int count, char **names) {
    const char *fixed = getenv("SEED");
    const uint64_t seed = fixed != nullptr ? strtoull(fixed, nullptr, 10) : std::random_device()();
    printf("seed %llu\n", (unsigned long long)seed);
    std::vector<Check *> ordered;
    for (Check *check = checks; check != nullptr; check = check->next) {
        ordered.insert(ordered.begin(), check);
    }
    for (Check *check : ordered) {
        bool wanted = count < 2;
        for (int i = 1; i < count; i++) {
            wanted |= strcmp(names[i], check->name) == 0;
        }
        if (wanted) {
            randomness.seed(seed); /* so that one check alone repeats what it did among all */
            const int cases_before = cases, failures_before = failures;
            const auto start = std::chrono::steady_clock::now();
            check->run();
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            printf("%s: %d cases, %d failed, %.1f s\n", check->name, cases - cases_before, failures - failures_before,
                   seconds);
        }
    }
    printf("%d cases, %d failed\n", cases, failures);
    return failures == 0 && cases > 0 ? 0 : 1;
}
