/*
 * Runs a block's threads as fibers, each with a stack of its own. A warp's fibers take turns until all of them wait for
 * the block; then the next warp. When a whole round over the block finds none that can go on, those that wait wait for
 * ever: that is reported as the error it is.
 */
#include "fibers.h"

#include <mutex>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define WITH_SANITIZER 1
#else
#define WITH_SANITIZER 0
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#define WITH_UCONTEXT 1
#endif

namespace juggler_host {

Place place;

namespace {

enum { LANES = 32, MOST_THREADS = 1024, MOST_WARPS = MOST_THREADS / LANES, MOST_SHARED = 99 << 10 };
enum { STACK_BYTES = WITH_SANITIZER ? 512 << 10 : 64 << 10, PAGE = 4096 };

enum Waiting { FOR_NOTHING, FOR_WARP, FOR_BLOCK, LEFT };

#ifdef WITH_UCONTEXT
typedef ucontext_t Context;
#else
typedef void *Context; /* the stack pointer; everything else is on the stack */
#endif

struct Fiber {
    Context context;
    uint3 index;
    Waiting waiting;
    unsigned epoch; /* of the warp or block, when it began to wait */
    char *stack;
    void *fake_stack;
};

/* What the lanes bring is kept for two operations, since a lane may read it when others already do the next. */
struct Warp {
    unsigned epoch;
    int arrived;
    Operation operation;
    uint64_t slots[2][LANES];
    Operands operands[2];
};

Fiber fibers[MOST_THREADS];
Warp warps[MOST_WARPS];
unsigned block_epoch;
int block_arrived;
int threads;
Fiber *running;
Context scheduler;
#if WITH_SANITIZER
void *scheduler_fake_stack;
const void *scheduler_stack;
size_t scheduler_stack_size;
#endif
void (*kernel)(void **);
void **kernel_arguments;
bool failed;
bool reversed; /* the last threads first */
char error[512];
alignas(256) unsigned char shared_memory[MOST_SHARED];
std::mutex one_launch;
const Kernel *kernels;
const Symbol *symbols;

#ifndef WITH_UCONTEXT
extern "C" void juggler_switch_stacks(void **from, void *to) __attribute__((visibility("hidden")));
#if defined(__x86_64__)
/* Saves what a called function must keep, and the stack pointer; then the same backwards. */
asm(R"(
    .text
    .p2align 4
    .globl juggler_switch_stacks
    .hidden juggler_switch_stacks
    .type juggler_switch_stacks, @function
juggler_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size juggler_switch_stacks, .-juggler_switch_stacks
)");
enum { SAVED_WORDS = 7, RETURN_WORD = 6 };
#else
asm(R"(
    .text
    .p2align 4
    .globl juggler_switch_stacks
    .hidden juggler_switch_stacks
    .type juggler_switch_stacks, %function
juggler_switch_stacks:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size juggler_switch_stacks, .-juggler_switch_stacks
)");
enum { SAVED_WORDS = 20, RETURN_WORD = 11 };
#endif
#endif

void switch_contexts(Context &from, Context &to) {
#ifdef WITH_UCONTEXT
    swapcontext(&from, &to);
#else
    juggler_switch_stacks(&from, to);
#endif
}

/* Back to the scheduler, which comes back when the fiber can go on. */
void pause_fiber(bool for_ever) {
    Fiber *fiber = running;
    (void)for_ever;
#if WITH_SANITIZER
    __sanitizer_start_switch_fiber(for_ever ? nullptr : &fiber->fake_stack, scheduler_stack, scheduler_stack_size);
#endif
    switch_contexts(fiber->context, scheduler);
#if WITH_SANITIZER
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &scheduler_stack, &scheduler_stack_size);
#endif
}

void fiber_main() {
#if WITH_SANITIZER
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_size);
#endif
    kernel(kernel_arguments);
    running->waiting = LEFT;
    pause_fiber(true);
    abort(); /* a fiber that has left is never switched to */
}

bool make_stacks(int count) {
    for (int i = 0; i < count; i++) {
        if (fibers[i].stack == nullptr) {
            /* The lowest page stays closed: an overflow is a fault, not a riddle. */
            void *stack = mmap(nullptr, STACK_BYTES + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (stack == MAP_FAILED) {
                return false;
            }
            mprotect(stack, PAGE, PROT_NONE);
            fibers[i].stack = (char *)stack + PAGE;
        }
    }
    return true;
}

void start(Fiber &fiber, unsigned number) {
    const dim3 size = place.block_size;
    fiber.index = {number % size.x, number / size.x % size.y, number / size.x / size.y};
    fiber.waiting = FOR_NOTHING;
    fiber.fake_stack = nullptr;
#if WITH_SANITIZER
    /* A fiber of a launch that failed never left its frames. */
    __asan_unpoison_memory_region(fiber.stack, STACK_BYTES);
#endif
#ifdef WITH_UCONTEXT
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = STACK_BYTES;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiber_main, 0);
#else
    /* As if it had been switched from at the start of fiber_main; what is saved is a multiple of 16 bytes down. */
    void **top = (void **)(((uintptr_t)fiber.stack + STACK_BYTES - (SAVED_WORDS + 2) * sizeof(void *)) & ~(uintptr_t)15);
    memset(top, 0, SAVED_WORDS * sizeof *top);
    top[RETURN_WORD] = (void *)fiber_main;
    fiber.context = top;
#endif
}

void run(Fiber &fiber) {
    running = &fiber;
    place.thread = fiber.index;
    fiber.waiting = FOR_NOTHING;
#if WITH_SANITIZER
    __sanitizer_start_switch_fiber(&scheduler_fake_stack, fiber.stack, STACK_BYTES);
#endif
    switch_contexts(scheduler, fiber.context);
#if WITH_SANITIZER
    __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

bool can_run(const Fiber &fiber, const Warp &warp) {
    switch (fiber.waiting) {
    case FOR_WARP: return warp.epoch != fiber.epoch;
    case FOR_BLOCK: return block_epoch != fiber.epoch;
    case LEFT: return false;
    default: return true;
    }
}

/* Runs a warp until none of its lanes can go on; gives whether any could. */
bool run_warp(int number) {
    bool any = false;
    for (bool progress = true; progress && !failed;) {
        progress = false;
        for (int turn = 0; turn < LANES && !failed; turn++) {
            const int i = number * LANES + (reversed ? LANES - 1 - turn : turn);
            if (can_run(fibers[i], warps[number])) {
                run(fibers[i]);
                progress = any = true;
            }
        }
    }
    return any;
}

void report_deadlock() {
    int counts[4] = {}, first[4] = {-1, -1, -1, -1};
    for (int i = 0; i < threads; i++) {
        if (counts[fibers[i].waiting]++ == 0) {
            first[fibers[i].waiting] = i;
        }
    }
    snprintf(error, sizeof error,
             "deadlock in block (%u, %u, %u): of %d threads %d wait at __syncthreads (first %d), %d in an operation of "
             "their warp (first %d), %d have left (first %d)",
             place.block.x, place.block.y, place.block.z, threads, counts[FOR_BLOCK], first[FOR_BLOCK],
             counts[FOR_WARP], first[FOR_WARP], counts[LEFT], first[LEFT]);
    failed = true;
}

void run_block() {
    block_epoch = 0;
    block_arrived = 0;
    for (int i = 0; i < threads; i++) {
        start(fibers[i], (unsigned)i);
    }
    for (int w = 0; w < threads / LANES; w++) {
        warps[w].epoch = 0;
        warps[w].arrived = 0;
    }
    for (;;) {
        bool any = false, all_left = true;
        for (int w = 0; w < threads / LANES && !failed; w++) {
            any |= run_warp(reversed ? threads / LANES - 1 - w : w);
        }
        for (int i = 0; i < threads; i++) {
            all_left &= fibers[i].waiting == LEFT;
        }
        if (failed || all_left) {
            return;
        }
        if (!any) {
            report_deadlock();
            return;
        }
    }
}

Warp &arrive(Operation operation) {
    Warp &warp = warps[(running - fibers) / LANES];
    if (warp.arrived == 0) {
        warp.operation = operation;
    } else if (warp.operation != operation) {
        fail("lanes of a warp do different operations (%d and %d) at once", warp.operation, operation);
    }
    return warp;
}

/* Waits for the other lanes unless all are there. */
void wait_for_warp(Warp &warp) {
    if (++warp.arrived == LANES) {
        warp.arrived = 0;
        warp.epoch++;
        return;
    }
    running->waiting = FOR_WARP;
    running->epoch = warp.epoch;
    pause_fiber(false);
}

} // namespace

Kernel::Kernel(const char *name, void (*call)(void **)) : name(name), call(call), next(kernels) { kernels = this; }
Symbol::Symbol(const char *name, void *address) : name(name), address(address), next(symbols) { symbols = this; }

int lane() { return (int)((running - fibers) % LANES); }

void *dynamic_shared() { return shared_memory; }

const uint64_t *exchange(Operation operation, unsigned mask, uint64_t value) {
    if (mask != 0xffffffffu) {
        fail("operation of a part of a warp (mask %08x)", mask);
    }
    Warp &warp = arrive(operation);
    uint64_t *slots = warp.slots[warp.epoch & 1];
    slots[lane()] = value;
    wait_for_warp(warp);
    return slots;
}

const uint32_t *exchange_words(Operation operation, const uint32_t *words, int count, void (*compute)(Operands &)) {
    Warp &warp = arrive(operation);
    Operands &operands = warp.operands[warp.epoch & 1];
    const int mine = lane();
    memcpy(operands.words[mine], words, (size_t)count * 4);
    if (warp.arrived == LANES - 1) {
        compute(operands);
    }
    wait_for_warp(warp);
    return operands.words[mine];
}

void wait_for_block() {
    if (++block_arrived == threads) {
        block_arrived = 0;
        block_epoch++;
        return;
    }
    running->waiting = FOR_BLOCK;
    running->epoch = block_epoch;
    pause_fiber(false);
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = snprintf(error, sizeof error, "block (%u, %u, %u), thread %d: ", place.block.x, place.block.y,
                          place.block.z, (int)(running - fibers));
    vsnprintf(error + length, sizeof error - (size_t)length, format, arguments);
    va_end(arguments);
    failed = true;
    pause_fiber(true);
    abort();
}

} // namespace juggler_host

using namespace juggler_host;

static int refuse(int code, const char *format, const char *name, unsigned long long number) {
    snprintf(error, sizeof error, format, name, number);
    return code;
}

extern "C" int juggler_host_launch(const char *name, const unsigned *geometry, void **arguments) {
    std::lock_guard<std::mutex> lock(one_launch);
    const Kernel *found = kernels;
    while (found != nullptr && strcmp(found->name, name) != 0) {
        found = found->next;
    }
    if (found == nullptr) {
        return refuse(1, "there is no kernel %s (%llu)", name, 0);
    }
    const unsigned *g = geometry;
    const unsigned long long block = (unsigned long long)g[3] * g[4] * g[5];
    if (block == 0 || block > MOST_THREADS || block % LANES != 0) {
        return refuse(2, "%s: a block of %llu threads is not a multiple of 32 up to 1024", name, block);
    }
    if (g[0] == 0 || g[1] == 0 || g[2] == 0 || g[0] > 2147483647u || g[1] > 65535u || g[2] > 65535u) {
        return refuse(2, "%s: the grid is empty or too large (y * z = %llu)", name, (unsigned long long)g[1] * g[2]);
    }
    if (g[6] > MOST_SHARED) {
        return refuse(2, "%s: %llu bytes of dynamic shared memory are too many", name, g[6]);
    }
    threads = (int)block;
    if (!make_stacks(threads)) {
        return refuse(2, "%s: no memory for the stacks of %llu threads", name, block);
    }
    kernel = found->call;
    kernel_arguments = arguments;
    failed = false;
    place.grid_size = {g[0], g[1], g[2]};
    place.block_size = {g[3], g[4], g[5]};
    for (unsigned z = 0; z < g[2] && !failed; z++) {
        for (unsigned y = 0; y < g[1] && !failed; y++) {
            for (unsigned x = 0; x < g[0] && !failed; x++) {
                place.block = {x, y, z};
                memset(shared_memory, 0xA5, g[6]); /* what a block before has left is no initial value */
                run_block();
            }
        }
    }
    if (failed) {
        char message[sizeof error];
        memcpy(message, error, sizeof message);
        snprintf(error, sizeof error, "%.60s: %.440s", name, message);
        return 2;
    }
    return 0;
}

extern "C" void juggler_host_reverse(int reverse) { reversed = reverse != 0; }

extern "C" const char *juggler_host_error(void) { return error; }

extern "C" void *juggler_host_symbol(const char *name) {
    for (const Symbol *symbol = symbols; symbol != nullptr; symbol = symbol->next) {
        if (strcmp(symbol->name, name) == 0) {
            return symbol->address;
        }
    }
    return nullptr;
}

extern "C" int juggler_host_kernels(const char **names, int most) {
    int count = 0;
    for (const Kernel *k = kernels; k != nullptr; k = k->next) {
        if (count < most) {
            names[count] = k->name;
        }
        count++;
    }
    return count;
}
