/* All kernels as one translation unit: what nvcc, NVRTC and the host build compile. */
#include "rows.cu"
