/*
 * Products of weights with few rows of activations: bound by the reading of the weight, so each of its bytes is read
 * once, coalesced, and everything else stays in registers and caches.
 *
 * A warp computes one or two rows of the weight (two share what is read of x). Its lanes take the pieces of a row in
 * turn, a piece being sixteen bytes or so of codes and the scales that go with them (formats.cuh). Each lane keeps its
 * own sums; they are added up by shuffles at the end.
 *
 * Blocks of a multiple of 16 bytes are read as quads, several under way at once since loops are unrolled. Others lie
 * across all alignments: read word by word, each word of a warp's 600 bytes would touch five lines of the L1 cache, and
 * those, not the memory, would be what a product waits for. So they go through shared memory: a warp copies the 32
 * pieces of a row as the aligned lines of 16 bytes in which they lie, two such chunks ahead, and takes them apart there.
 *
 * What a number costs, for Q4_K: per 4 elements 2 instructions to take the codes out, 1 dp4a, and about 4 / 16 * 10 for
 * scales; at 3.3 TB/s and 0.56 bytes an element an H100 has time for about 9.
 */
#ifndef JUGGLER_FEW_CUH
#define JUGGLER_FEW_CUH

#include "activations.cuh"
#include "formats.cuh"

enum { FEW_BLOCK = 128, FEW_WARPS = FEW_BLOCK / LANES };

__device__ __forceinline__ int dot_bytes(const unsigned (&a)[4], const uint4 &b) {
    return __dp4a((int)a[0], (int)b.x, __dp4a((int)a[1], (int)b.y, __dp4a((int)a[2], (int)b.z, __dp4a((int)a[3], (int)b.w, 0))));
}

/* sums[w][r] += row w of the weight · row r of x, over this lane's part of pieces [first, end) of the rows. */
template <class Format, int WEIGHTS, int ROWS>
struct Dot {
    enum { PIECE_ELEMENTS = 16 * Format::PIECE, BLOCK_PIECES = Format::ELEMENTS / PIECE_ELEMENTS };
    enum { UNROLL = ROWS == 1 ? 2 : 1 }; /* several rows of x keep a warp busy by themselves */

    static __device__ __forceinline__ int pieces(int k) { return k / PIECE_ELEMENTS; }

    /* One piece of the rows; `weights` begin with the block of piece `from`, which is the first of a block. */
    static __device__ __forceinline__ void add_piece(float (&sums)[WEIGHTS][ROWS], const byte *const (&weights)[WEIGHTS],
                                                     const void *x, int64 first_row, int last_row, int64 padded,
                                                     int piece, int from = 0) {
        const int block = (piece - from) / BLOCK_PIECES;
#pragma unroll
        for (int part = 0; part < Format::PIECE; part++) {
            const int index = Format::piece(piece % BLOCK_PIECES, part);
            const int segment = piece / BLOCK_PIECES * (Format::ELEMENTS / 16) + index;
            Segment s[WEIGHTS];
#pragma unroll
            for (int w = 0; w < WEIGHTS; w++) {
                s[w] = Format::segment(weights[w] + (int64)block * Format::BYTES, index);
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const RoundedRow row(x, first_row + min(r, last_row), padded);
                const uint4 codes = ((const uint4 *)row.codes)[segment];
                const float scale = row.scales[segment / 2];
                const int sum = row.sums[segment];
#pragma unroll
                for (int w = 0; w < WEIGHTS; w++) {
                    const int dot = dot_bytes(s[w].codes, codes) - Format::OFFSET * sum;
                    const float value = s[w].scale * (float)dot;
                    sums[w][r] += scale * (Format::HAS_SHIFT ? value + s[w].shift * (float)sum : value);
                }
            }
        }
    }

    static __device__ __forceinline__ void add(float (&sums)[WEIGHTS][ROWS], const byte *const (&weights)[WEIGHTS],
                                               const void *x, int64 first_row, int last_row, int k) {
        if constexpr (Format::BYTES % 16 == 0) {
            add_quads(sums, weights, x, first_row, last_row, k);
        } else {
            add_staged(sums, weights, x, first_row, last_row, k);
        }
    }

    static __device__ __forceinline__ void add_quads(float (&sums)[WEIGHTS][ROWS], const byte *const (&weights)[WEIGHTS],
                                                     const void *x, int64 first_row, int last_row, int k) {
        const int64 padded = whole(k, 256);
#pragma unroll UNROLL
        for (int piece = lane_of_thread(); piece < pieces(k); piece += LANES) {
            add_piece(sums, weights, x, first_row, last_row, padded, piece);
        }
    }

    /* Chunks of a row: the pieces that a warp takes at once, and the lines in which they can lie. */
    enum { CHUNK_BYTES = LANES / BLOCK_PIECES * Format::BYTES, LINES = (CHUNK_BYTES + 30) / 16, STAGES = 3 };

    /* Begins to copy a chunk of a row of `bytes`: the lines that hold some of it. */
    static __device__ __forceinline__ void copy_chunk(uint4 (&lines)[LINES], const byte *row, int64 bytes, int chunk) {
        const byte *start = row + (int64)chunk * CHUNK_BYTES;
        const int misfit = (int)((unsigned long long)start & 15);
        const int wanted = misfit + (int)min((int64)CHUNK_BYTES, bytes - (int64)chunk * CHUNK_BYTES);
        for (int line = lane_of_thread(); 16 * line < wanted; line += LANES) {
            copy_async_16(&lines[line], start - misfit + 16 * line);
        }
    }

    static __device__ __forceinline__ void add_staged(float (&sums)[WEIGHTS][ROWS], const byte *const (&weights)[WEIGHTS],
                                                      const void *x, int64 first_row, int last_row, int k) {
        __shared__ uint4 stages[FEW_WARPS][STAGES][WEIGHTS][LINES];
        uint4(&own)[STAGES][WEIGHTS][LINES] = stages[warp_of_thread()];
        const int64 padded = whole(k, 256), bytes = (int64)(k / Format::ELEMENTS) * Format::BYTES;
        const int chunks = (pieces(k) + LANES - 1) / LANES;
        for (int chunk = 1 - STAGES; chunk < chunks; chunk++) {
            const int ahead = chunk + STAGES - 1;
            for (int w = 0; w < WEIGHTS && ahead < chunks; w++) {
                copy_chunk(own[ahead % STAGES][w], weights[w], bytes, ahead);
            }
            copy_async_commit(); /* an empty group too, so that groups can be counted */
            if (chunk >= 0) {
                copy_async_wait<STAGES - 1>();
                __syncwarp(); /* what the other lanes have copied */
                const byte *copies[WEIGHTS];
#pragma unroll
                for (int w = 0; w < WEIGHTS; w++) {
                    const byte *start = weights[w] + (int64)chunk * CHUNK_BYTES;
                    copies[w] = (const byte *)own[chunk % STAGES][w] + ((unsigned long long)start & 15);
                }
                const int piece = chunk * LANES + lane_of_thread();
                if (piece < pieces(k)) {
                    add_piece(sums, copies, x, first_row, last_row, padded, piece, chunk * LANES);
                }
                __syncwarp(); /* all have read; the stage is free */
            }
        }
    }
};

/* Plain weights: x is F32, and a piece is eight elements. */
template <class Format, int WEIGHTS, int ROWS>
struct PlainDot {
    enum { PIECE_ELEMENTS = 8, UNROLL = ROWS == 1 ? 2 : 1 };

    static __device__ __forceinline__ int pieces(int k) { return (k + PIECE_ELEMENTS - 1) / PIECE_ELEMENTS; }

    /* True where eight elements can be read as quads: rows, and those of x, begin at multiples of 16 bytes. */
    static __device__ __forceinline__ bool is_aligned(const byte *weight, const void *x, int k) {
        return (((unsigned long long)weight | (unsigned long long)x | (unsigned long long)k * Format::BYTES) & 15) == 0;
    }

    static __device__ __forceinline__ void load_eight(const byte *p, float (&values)[8]) {
        uint4 quad = *(const uint4 *)p;
        if (Format::TYPE == TYPE_F32) {
            const uint4 next = ((const uint4 *)p)[1];
            const unsigned words[8] = {quad.x, quad.y, quad.z, quad.w, next.x, next.y, next.z, next.w};
#pragma unroll
            for (int i = 0; i < 8; i++) {
                values[i] = __uint_as_float(words[i]);
            }
        } else {
            const unsigned words[4] = {quad.x, quad.y, quad.z, quad.w};
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const unsigned short low = (unsigned short)words[i], high = (unsigned short)(words[i] >> 16);
                values[2 * i] = Format::TYPE == TYPE_F16 ? half_to_float(low) : brain_to_float(low);
                values[2 * i + 1] = Format::TYPE == TYPE_F16 ? half_to_float(high) : brain_to_float(high);
            }
        }
    }

    static __device__ __forceinline__ void add_piece(float (&sums)[WEIGHTS][ROWS], const byte *const (&weights)[WEIGHTS],
                                                     const void *x, int64 first_row, int last_row, int64 k, int piece) {
        const int at = piece * PIECE_ELEMENTS;
        if (is_aligned(weights[0], x, (int)k) && k % 8 == 0) {
            float values[WEIGHTS][8];
#pragma unroll
            for (int w = 0; w < WEIGHTS; w++) {
                load_eight(weights[w] + (int64)at * Format::BYTES, values[w]);
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const float4 *quads = (const float4 *)((const float *)x + (first_row + min(r, last_row)) * k + at);
                const float4 a = quads[0], b = quads[1];
#pragma unroll
                for (int w = 0; w < WEIGHTS; w++) {
                    const float *v = values[w];
                    sums[w][r] += a.x * v[0] + a.y * v[1] + a.z * v[2] + a.w * v[3] + b.x * v[4] + b.y * v[5] +
                                  b.z * v[6] + b.w * v[7];
                }
            }
            return;
        }
        for (int i = at; i < min((int64)(at + PIECE_ELEMENTS), k); i++) {
#pragma unroll
            for (int w = 0; w < WEIGHTS; w++) {
                const float value = Format::load(weights[w] + (int64)i * Format::BYTES);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    sums[w][r] += value * ((const float *)x)[(first_row + min(r, last_row)) * k + i];
                }
            }
        }
    }

    static __device__ __forceinline__ void add(float (&sums)[WEIGHTS][ROWS], const byte *const (&weights)[WEIGHTS],
                                               const void *x, int64 first_row, int last_row, int k) {
#pragma unroll UNROLL
        for (int piece = lane_of_thread(); piece < pieces(k); piece += LANES) {
            add_piece(sums, weights, x, first_row, last_row, k, piece);
        }
    }
};
template <int WEIGHTS, int ROWS>
struct Dot<f32, WEIGHTS, ROWS> : PlainDot<f32, WEIGHTS, ROWS> {};
template <int WEIGHTS, int ROWS>
struct Dot<f16, WEIGHTS, ROWS> : PlainDot<f16, WEIGHTS, ROWS> {};
template <int WEIGHTS, int ROWS>
struct Dot<bf16, WEIGHTS, ROWS> : PlainDot<bf16, WEIGHTS, ROWS> {};

/* Elements of a row of x as add_piece wants to know them. */
template <class Format>
__device__ __forceinline__ int64 row_of_x(int k) {
    return whole(k, 256);
}
template <>
__device__ __forceinline__ int64 row_of_x<f32>(int k) { return k; }
template <>
__device__ __forceinline__ int64 row_of_x<f16>(int k) { return k; }
template <>
__device__ __forceinline__ int64 row_of_x<bf16>(int k) { return k; }

/* Quantized weights of any type with F32 rows of x, for results that nothing rounds: slower, a type for the whole warp. */
template <int WEIGHTS>
struct ExactDot {
    static __device__ __forceinline__ void add(float (&sums)[WEIGHTS][1], const byte *const (&weights)[WEIGHTS],
                                               const float *x, int k, int type) {
        for (int segment = lane_of_thread(); segment < (k + 15) / 16; segment += LANES) {
            for (int w = 0; w < WEIGHTS; w++) {
                float values[16];
                decode_segment(type, weights[w], segment, k, values);
                for (int i = 0; i < min(16, k - 16 * segment); i++) {
                    sums[w][0] += values[i] * x[16 * segment + i];
                }
            }
        }
    }
};

#endif
