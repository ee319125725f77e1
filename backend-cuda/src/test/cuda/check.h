/* What the checks of kernels share: fresh random inputs, poisoned outputs between guards, launches, comparison. */
#ifndef JUGGLER_CHECK_H
#define JUGGLER_CHECK_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fibers.h"

extern std::mt19937_64 randomness;
extern int cases, failures;

/* A check by its name; made before main. */
struct Check {
    Check(const char *name, void (*run)());
    const char *name;
    void (*run)();
    Check *next;
};
#define CHECK(name)                                  \
    static void check_##name();                      \
    static Check object_of_##name(#name, check_##name); \
    static void check_##name()

inline float normal(float deviation = 1) { return std::normal_distribution<float>(0, deviation)(randomness); }
inline int below(int limit) { return (int)(randomness() % (uint64_t)limit); }

/* Device memory: elements between guards that must stay, some bytes off its alignment of 256 where that is allowed. */
template <class T>
struct Memory {
    enum { GUARD = 256 };
    explicit Memory(size_t count, size_t shift = 0) : count(count), shift(shift), bytes(size() + 256, (char)0xA5) {
        start = bytes.data() + (256 - (uintptr_t)bytes.data() % 256) % 256;
        uint32_t poison = 0x7FC0BEEF;
        for (size_t i = 0; i + 4 <= count * sizeof(T); i += 4) {
            memcpy((char *)data() + i, &poison, 4);
        }
    }
    Memory(const Memory &) = delete;
    T *data() const { return (T *)(start + GUARD + shift); }
    T &operator[](size_t i) { return data()[i]; }
    const T &operator[](size_t i) const { return data()[i]; }
    bool is_intact() const {
        for (size_t i = 0; i < size(); i++) {
            const bool inside = i >= GUARD + shift && i < GUARD + shift + count * sizeof(T);
            if (!inside && (unsigned char)start[i] != 0xA5) {
                return false;
            }
        }
        return true;
    }
    size_t size() const { return count * sizeof(T) + 2 * GUARD + shift; }
    size_t count, shift;
    std::vector<char> bytes;
    char *start;
};

inline void fill_normal(Memory<float> &memory, float deviation = 1) {
    for (size_t i = 0; i < memory.count; i++) {
        memory[i] = normal(deviation);
    }
}

struct Geometry {
    unsigned x, y, z, block, shared;
};
inline unsigned blocks(long long count, long long per_block) { return (unsigned)((count + per_block - 1) / per_block); }

void failed(const std::string &what);

/* Launches a kernel whose parameters have exactly these types, its threads in one order or the other. */
template <class... A>
void launch(const std::string &name, Geometry g, A... arguments) {
    void *pointers[] = {(void *)&arguments...};
    const unsigned geometry[7] = {g.x, g.y, g.z, g.block, 1, 1, g.shared};
    juggler_host_reverse(below(2));
    if (juggler_host_launch(name.c_str(), geometry, pointers) != 0) {
        failed(juggler_host_error());
    }
}

/*
 * A case: `actual` against `expected`; errors are relative to `scale`, one number or one for each element. Every element
 * within `largest`, their root mean square within `mean`.
 */
void compare(const std::string &name, const Memory<float> &actual, const std::vector<double> &expected,
             const std::vector<double> &scale, double largest, double mean);

inline double root_mean_square(const std::vector<double> &values) {
    double squares = 0;
    for (double value : values) {
        squares += value * value;
    }
    return std::sqrt(squares / (double)values.size());
}

/* A weight's bytes and what they stand for. */
struct Weight {
    Weight(int type, int rows, int columns, size_t shift = 0);
    int type, rows, columns;
    long long row_bytes;
    Memory<unsigned char> bytes;
    std::vector<float> values; /* as dequantize_rows says */
};

struct TypeName {
    int type;
    const char *name;
    int elements, bytes;
};
const std::vector<TypeName> &types();
const TypeName &type_of(int type);
/* Types of few files, which have fewer kernels: EACH_RARE of formats.cuh. */
bool is_rare(const TypeName &type);

#endif
