/* All kernels as one translation unit: what nvcc, NVRTC and the host build compile. */
#include "activations.cu"
#include "decode.cu"
#include "few.cu"
#include "rows.cu"
