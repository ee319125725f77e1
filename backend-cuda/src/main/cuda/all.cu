/*
 * All kernels as one translation unit: what nvcc, NVRTC and the host build compile. No header of CUDA is needed.
 *
 *   instructions.cuh  PTX as functions; the host build has twins of them      common.cuh  types, reductions
 *   formats.cuh, codebooks.cuh   how weights lie in GGUF blocks               activations.cuh/.cu  rows for products
 *   few.cuh/.cu       products with few rows: bound by memory, on bytes       decode.cu   look-ups, weights to numbers
 *   many.cuh/.cu      products with many rows: tensor cores                   many_float.cu  the same in F32
 *   cache.cuh/.cu     keys and values in pages                                choice.cu   routing, the largest, grouping
 *   attention.cuh/.cu attention in F32      attention_few.cu, attention_many.cu  generation and prompts on tensor cores
 *   heads.cu          rotation, and from projections to the cache             rows.cu     norms, activations, sums, moves
 */
#include "activations.cu"
#include "attention.cu"
#include "attention_few.cu"
#include "attention_many.cu"
#include "cache.cu"
#include "choice.cu"
#include "decode.cu"
#include "few.cu"
#include "heads.cu"
#include "many.cu"
#include "many_float.cu"
#include "rows.cu"
