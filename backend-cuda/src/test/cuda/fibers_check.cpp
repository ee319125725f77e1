/* What the fibers promise: operations of warps do what CUDA says, and what would hang or be undefined is an error. */
#include <stdio.h>
#include <stdlib.h>

static int failures, cases;

static void expect(bool condition, const char *what) {
    cases++;
    if (!condition) {
        failures++;
        printf("FAILED %s (%s)\n", what, juggler_host_error());
    }
}

static void launch(const char *name, unsigned threads, const char *message, void **arguments = nullptr) {
    for (int reverse = 0; reverse < 2; reverse++) {
        const unsigned geometry[7] = {2, 1, 1, threads, 1, 1, 0};
        juggler_host_reverse(reverse);
        const int code = juggler_host_launch(name, geometry, arguments);
        expect(message == nullptr ? code == 0 : code == 2 && strstr(juggler_host_error(), message) != nullptr, name);
    }
}

extern "C" void leaves_before_a_barrier() {
    if (threadIdx.x != 40) {
        __syncthreads();
    }
}
EXPORT_KERNEL(leaves_before_a_barrier)

extern "C" void leaves_its_warp() {
    if (threadIdx.x % 32 != 7) {
        __shfl_xor_sync(0xffffffffu, 1.0f, 1);
    }
}
EXPORT_KERNEL(leaves_its_warp)

extern "C" void does_two_things_at_once() {
    if (threadIdx.x % 32 == 7) {
        __ballot_sync(0xffffffffu, 1);
    } else {
        __syncwarp();
    }
}
EXPORT_KERNEL(does_two_things_at_once)

extern "C" void names_half_a_warp() { __syncwarp(0xffff); }
EXPORT_KERNEL(names_half_a_warp)

/* A barrier in a loop, some threads of which do more in between; warps of different speed; many shuffles in a row. */
extern "C" void sums(int *out, int rounds) {
    __shared__ int shared[2][256];
    int value = (int)threadIdx.x;
    for (int round = 0; round < rounds; round++) {
        shared[round % 2][threadIdx.x] = value;
        if (threadIdx.x / 32 % 2 == (unsigned)round % 2) {
            for (int i = 0; i < round % 5; i++) {
                value = __shfl_xor_sync(0xffffffffu, value, 1 << i);
                value = __shfl_xor_sync(0xffffffffu, value, 1 << i);
            }
        }
        __syncthreads();
        value = shared[round % 2][(threadIdx.x + 37) % 256];
    }
    out[blockIdx.x * 256 + threadIdx.x] = value;
}
EXPORT_KERNEL(sums)

/* c += a · b by one warp, fragments taken from rows by load_matrices; b is given as its columns. */
extern "C" void multiplies(const unsigned short *a, const unsigned short *b, float *c) {
    const int lane = (int)threadIdx.x % 32;
    alignas(16) static unsigned short rows[24][16];
    for (int i = lane; i < 24 * 16; i += 32) {
        rows[i / 16][i % 16] = i < 256 ? a[i] : b[i - 256];
    }
    __syncwarp();
    unsigned left[4], right[4];
    load_matrices(left, &rows[lane % 16][lane / 16 * 8]);
    load_matrices(right, &rows[16 + lane % 8][lane / 8 % 2 * 8]);
    float sums[4];
    for (int i = 0; i < 4; i++) {
        sums[i] = c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2];
    }
    const unsigned pair[2] = {right[0], right[1]};
    multiply_halves(sums, left, pair);
    for (int i = 0; i < 4; i++) {
        c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i];
    }
}
EXPORT_KERNEL(multiplies)

static void check_sums() {
    static int out[512];
    int *pointer = out, rounds = 100;
    void *arguments[] = {&pointer, &rounds};
    launch("sums", 256, nullptr, arguments);
    for (int i = 0; i < 512; i++) {
        expect(out[i] == (i + 37 * rounds) % 256, "sums gives another value");
    }
}

static void check_multiplication() {
    static unsigned short a[256], b[128];
    static float c[128], expected[128];
    for (int i = 0; i < 256; i++) {
        a[i] = float_to_half((float)(rand() % 64 - 32) / 8);
    }
    for (int i = 0; i < 128; i++) {
        b[i] = float_to_half((float)(rand() % 64 - 32) / 8);
        expected[i] = c[i] = (float)(rand() % 16);
    }
    for (int block = 0; block < 4; block++) { /* two orders of two blocks */
        for (int i = 0; i < 128; i++) {
            for (int k = 0; k < 16; k++) {
                expected[i] += half_to_float(a[i / 8 * 16 + k]) * half_to_float(b[i % 8 * 16 + k]);
            }
        }
    }
    const unsigned short *left = a, *right = b;
    float *sums = c;
    void *arguments[] = {&left, &right, &sums};
    launch("multiplies", 32, nullptr, arguments);
    expect(memcmp(c, expected, sizeof c) == 0, "a product of fragments");
}

/* Every half becomes a float and itself again; what lies between two becomes the nearer, ties the even one. */
static void check_halves() {
    bool same = true, nearest = true;
    for (unsigned bits = 0; bits < 0x7c00; bits++) {
        const float value = half_to_float((unsigned short)bits), next = half_to_float((unsigned short)(bits + 1));
        same &= float_to_half(value) == bits && float_to_half(-value) == (bits | 0x8000);
        if (bits < 0x7bff) {
            const float middle = (value + next) / 2;
            nearest &= float_to_half(middle) == bits + (bits & 1) && float_to_half(nextafterf(middle, 0)) == bits &&
                       float_to_half(nextafterf(middle, 1e9f)) == bits + 1;
        }
    }
    expect(same, "halves that are exact");
    expect(nearest, "halves that are rounded");
    expect(float_to_half(65519) == 0x7bff && float_to_half(65520) == 0x7c00 && float_to_half(INFINITY) == 0x7c00,
           "halves that overflow");
    expect((float_to_half(NAN) & 0x7fff) > 0x7c00, "a half that is no number");
}

static void check_bytes() {
    expect(__byte_perm(0x33221100, 0x77665544, 0x7250) == 0x77225500, "a byte permutation");
    expect(__byte_perm(0x00008000, 0, 0x9998) == 0xffffff00, "signs of bytes");
    expect(__funnelshift_r(0x44332211, 0x88776655, 8) == 0x55443322, "a shift of two words");
    expect(__dp4a((int)0x80ff7f01, (int)0x02030405, 1000) == 1000 - 128 * 2 - 3 + 127 * 4 + 5, "a product of bytes");
    expect(__float2int_rn(2.5f) == 2 && __float2int_rn(-3.5f) == -4 && __float2int_rn(NAN) == 0, "rounding");
}

int main() {
    launch("leaves_before_a_barrier", 64, "63 wait at __syncthreads (first 0)");
    launch("leaves_its_warp", 64, "in an operation of their warp");
    launch("does_two_things_at_once", 32, "different operations");
    launch("names_half_a_warp", 32, "a part of a warp");
    launch("sums", 48, "not a multiple of 32");
    check_sums();
    check_multiplication();
    check_halves();
    check_bytes();
    const unsigned geometry[7] = {1, 1, 1, 32, 1, 1, 0};
    expect(juggler_host_launch("nothing", geometry, nullptr) == 1, "a kernel that is not there");
    printf("fibers: %d cases, %d failed\n", cases, failures);
    return failures != 0;
}
