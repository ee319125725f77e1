/**
 * The CUDA backend: weights stay in their GGUF blocks in a GPU's memory, kernels work on them
 * there.
 *
 * <p>From the outside in: {@link dev.juggler.backend.cuda.CudaKernels} checks a call and hands it
 * to a group of operations, which chooses kernels and their geometry and puts launches into the
 * {@link dev.juggler.backend.cuda.LaunchQueue}; that gives them to the driver, as a graph where the
 * same run of launches was seen before. Bytes go in and out through the {@link
 * dev.juggler.backend.cuda.Staging}. One stream does everything in order, so nothing waits but the
 * host for what it reads.
 */
@NullMarked
package dev.juggler.backend.cuda;

import org.jspecify.annotations.NullMarked;
