/* The threads of a block as fibers of one thread of the CPU; see fibers.cpp for how they take turns. */
#ifndef JUGGLER_FIBERS_H
#define JUGGLER_FIBERS_H

#include <stddef.h>
#include <stdint.h>

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };

namespace juggler_host {

struct Place {
    uint3 thread, block;
    dim3 block_size, grid_size;
};
extern Place place;

/* Operations that all lanes of a warp do together. */
enum Operation { SYNC, SHUFFLE, BALLOT, LOAD_MATRICES, MULTIPLY_MATRICES };

/* Words that a lane hands to an operation of its warp, and that it gets back. */
enum { MOST_WORDS = 10 };
struct Operands {
    uint32_t words[32][MOST_WORDS];
};

/* The running thread's number in its warp. */
int lane();

/* Waits until all lanes have come, and gives what each has brought. Valid until this lane's next operation but one. */
const uint64_t *exchange(Operation operation, unsigned mask, uint64_t value);

/* As exchange, with several words; the last lane to come runs `compute` on those of all. */
const uint32_t *exchange_words(Operation operation, const uint32_t *words, int count, void (*compute)(Operands &));

/* __syncthreads */
void wait_for_block();

/* Dynamic shared memory of the running block. */
void *dynamic_shared();

/* Ends the launch with this message. */
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A kernel that can be launched by its name. Made before main. */
struct Kernel {
    Kernel(const char *name, void (*call)(void **arguments));
    const char *name;
    void (*call)(void **arguments);
    const Kernel *next;
};

/* A variable that can be found by its name, as cuModuleGetGlobal does. */
struct Symbol {
    Symbol(const char *name, void *address);
    const char *name;
    void *address;
    const Symbol *next;
};

template <size_t...>
struct Indices {};
template <size_t N, size_t... I>
struct Count : Count<N - 1, N - 1, I...> {};
template <size_t... I>
struct Count<0, I...> {
    typedef Indices<I...> To;
};

} // namespace juggler_host

extern "C" {
#pragma GCC visibility push(default)
/*
 * Runs a kernel. geometry: grid x, y, z, block x, y, z, dynamic shared bytes; arguments as cuLaunchKernel's
 * kernelParams. Gives 0, 1 where there is no such kernel, 2 where it failed; the text is in juggler_host_error.
 */
int juggler_host_launch(const char *name, const unsigned *geometry, void **arguments);
const char *juggler_host_error(void);
/*
 * Whether later launches run the last threads of a block first. What is right runs the same in any order; what misses a
 * barrier reads, in one of the two, what is not written yet or written over.
 */
void juggler_host_reverse(int reverse);
/* The address of a module's variable, or null. */
void *juggler_host_symbol(const char *name);
/* Writes up to `most` names of kernels and gives how many there are. */
int juggler_host_kernels(const char **names, int most);
#pragma GCC visibility pop
}

#endif
