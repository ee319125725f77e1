/* All kernels as one translation unit: what nvcc, NVRTC and the host build compile. */
#include "activations.cu"
#include "attention.cu"
#include "cache.cu"
#include "choice.cu"
#include "decode.cu"
#include "few.cu"
#include "many_float.cu"
#include "rows.cu"
