/*
 * What CUDA C has no word for: PTX instructions, each as a function. The host build has functions of the same names that
 * do the same (src/test/cuda/host_instructions.h). Nothing here needs a header of CUDA, since NVRTC brings none along.
 */
#ifndef JUGGLER_INSTRUCTIONS_CUH
#define JUGGLER_INSTRUCTIONS_CUH

#ifndef JUGGLER_HOST

/* Memory whose size the launch gives; one such name in a kernel. */
extern __shared__ __align__(16) unsigned char juggler_dynamic_shared[];
#define DYNAMIC_SHARED(type, name) type *name = (type *)juggler_dynamic_shared
/* The host build finds kernels and variables by their names; a CUDA module does so anyway. */
#define EXPORT_KERNEL(name)
#define EXPORT_SYMBOL(name)

__device__ __forceinline__ float half_to_float(unsigned short bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

/* To the nearest, ties to even. */
__device__ __forceinline__ unsigned short float_to_half(float value) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

/* Two halves in a word. */
__device__ __forceinline__ unsigned floats_to_halves(float low, float high) {
#if __CUDA_ARCH__ >= 800
    unsigned word;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
#else
    return float_to_half(low) | (unsigned)float_to_half(high) << 16;
#endif
}

/* Sixteen bytes from global to shared memory, both aligned to 16, past the registers where the machine can (sm_80). */
__device__ __forceinline__ void copy_async_16(void *shared, const void *global) {
#if __CUDA_ARCH__ >= 800
    const unsigned target = (unsigned)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(target), "l"(global) : "memory");
#else
    *(uint4 *)shared = *(const uint4 *)global;
#endif
}

/* Ends a group of copies. */
__device__ __forceinline__ void copy_async_commit() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* Waits until at most so many groups of this thread are under way. */
template <int GROUPS>
__device__ __forceinline__ void copy_async_wait() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
#endif
}

/*
 * Four matrices of 8 rows of 16 bytes; lanes 8i to 8i + 7 name the rows of matrix i. A lane gets 4 bytes of each: of row
 * lane / 4, at lane % 4 * 4.
 */
__device__ __forceinline__ void load_matrices(unsigned (&matrices)[4], const void *row) {
    const unsigned address = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
                 : "r"(address)
                 : "memory");
}

/* As load_matrices, each matrix transposed: a lane gets elements of two neighbouring rows of column lane / 4. */
__device__ __forceinline__ void load_matrices_transposed(unsigned (&matrices)[4], const void *row) {
    const unsigned address = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
                 : "r"(address)
                 : "memory");
}

/*
 * c[16, 8] += a[16, 16] · b[16, 8] by a warp, f16 in and f32 sums. With g = lane / 4 and t = lane % 4: a holds pairs of
 * columns 2t of rows g and g + 8, then 2t + 8; b pairs of rows 2t and 2t + 8 of column g; c columns 2t, 2t + 1 of row g,
 * then of g + 8.
 */
__device__ __forceinline__ void multiply_halves(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}

#endif

#endif
