/*
 * CUDA C on the CPU: what the kernel sources use of CUDA, for g++. It is included before each source (-include), so that
 * the very kernels that a GPU runs are compiled and run here.
 *
 * A launch runs its blocks one after the other. The threads of a block are fibers (fibers.h): each runs until it waits
 * for others, at a barrier or in an operation of its warp. `__shared__` variables are therefore plain statics.
 *
 * Rules that this header enforces and a GPU would punish silently: every thread of a block reaches every
 * __syncthreads; every operation of a warp is one of all of its 32 lanes; a block is a multiple of 32 threads.
 */
#ifndef JUGGLER_HOST_H
#define JUGGLER_HOST_H

#define JUGGLER_HOST 1

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fibers.h"

#define __global__
#define __device__
#define __shared__ static
#define __constant__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

/* Where the running thread is; set whenever a fiber is switched to. */
#define threadIdx (juggler_host::place.thread)
#define blockIdx (juggler_host::place.block)
#define blockDim (juggler_host::place.block_size)
#define gridDim (juggler_host::place.grid_size)

inline void __syncthreads() { juggler_host::wait_for_block(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { juggler_host::exchange(juggler_host::SYNC, mask, 0); }

namespace juggler_host {

template <class T>
inline uint64_t to_slot(T value) {
    static_assert(sizeof(T) <= 8, "a lane hands on up to 8 bytes");
    uint64_t slot = 0;
    memcpy(&slot, &value, sizeof value);
    return slot;
}

template <class T>
inline T from_slot(uint64_t slot) {
    T value;
    memcpy(&value, &slot, sizeof value);
    return value;
}

} // namespace juggler_host

template <class T>
inline T __shfl_sync(unsigned mask, T value, int lane) {
    return juggler_host::from_slot<T>(
        juggler_host::exchange(juggler_host::SHUFFLE, mask, juggler_host::to_slot(value))[lane & 31]);
}

template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes) {
    const int lane = juggler_host::lane();
    return juggler_host::from_slot<T>(
        juggler_host::exchange(juggler_host::SHUFFLE, mask, juggler_host::to_slot(value))[(lane ^ lanes) & 31]);
}

template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned distance) {
    const unsigned lane = (unsigned)juggler_host::lane();
    const uint64_t *slots = juggler_host::exchange(juggler_host::SHUFFLE, mask, juggler_host::to_slot(value));
    return juggler_host::from_slot<T>(slots[lane < distance ? lane : lane - distance]);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
    const uint64_t *slots = juggler_host::exchange(juggler_host::BALLOT, mask, predicate != 0);
    unsigned ballot = 0;
    for (int lane = 0; lane < 32; lane++) {
        ballot |= (unsigned)slots[lane] << lane;
    }
    return ballot;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == 0xffffffffu; }

/* One thread runs at a time, so plain memory operations are atomic. */
template <class T>
inline T atomicAdd(T *address, T value) {
    T old = *address;
    *address = old + value;
    return old;
}

inline int __float_as_int(float f) { return juggler_host::from_slot<int>(juggler_host::to_slot(f)); }
inline unsigned __float_as_uint(float f) { return juggler_host::from_slot<unsigned>(juggler_host::to_slot(f)); }
inline float __int_as_float(int i) { return juggler_host::from_slot<float>(juggler_host::to_slot(i)); }
inline float __uint_as_float(unsigned i) { return juggler_host::from_slot<float>(juggler_host::to_slot(i)); }
inline int __float2int_rn(float f) {
    /* As the instruction: saturates, and a NaN becomes 0. */
    return f != f ? 0 : f >= 2147483648.0f ? 2147483647 : f <= -2147483648.0f ? -2147483647 - 1 : (int)lrintf(f);
}
inline float rsqrtf(float f) { return 1.0f / sqrtf(f); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }

template <class T>
inline T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
inline T max(T a, T b) {
    return a < b ? b : a;
}

inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
    const uint64_t bytes = (uint64_t)high << 32 | low;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned choice = selector >> (4 * i) & 15;
        unsigned byte = (unsigned)(bytes >> (8 * (choice & 7))) & 255;
        if (choice & 8) { /* the sign of the byte, eight times */
            byte = byte & 128 ? 255 : 0;
        }
        result |= byte << (8 * i);
    }
    return result;
}

inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return (unsigned)(((uint64_t)high << 32 | low) >> (shift & 31));
}

inline int __dp4a(int a, int b, int sum) {
    for (int i = 0; i < 32; i += 8) {
        sum += (int)(int8_t)(a >> i) * (int)(int8_t)(b >> i);
    }
    return sum;
}

#include "host_instructions.h"

/* What a launch needs of a kernel: a function that takes its arguments as cuLaunchKernel does. */
namespace juggler_host {

template <auto KERNEL>
struct Arguments;

template <class... A, void (*KERNEL)(A...)>
struct Arguments<KERNEL> {
    template <size_t... I>
    static void unpack(void **arguments, Indices<I...>) {
        KERNEL(*(A *)arguments[I]...);
    }
    static void call(void **arguments) { unpack(arguments, typename Count<sizeof...(A)>::To()); }
};

} // namespace juggler_host

#define EXPORT_KERNEL(name) \
    static const juggler_host::Kernel juggler_kernel_##name(#name, juggler_host::Arguments<name>::call);

#endif
