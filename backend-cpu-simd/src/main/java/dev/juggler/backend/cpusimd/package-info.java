/**
 * The CPU backend: kernels on the Vector API, run by a pool of worker threads.
 *
 * <p>From the outside in: {@link dev.juggler.backend.cpusimd.CpuSimdKernels} checks a call and
 * hands it to an operation (matrix product, experts, attention, row-wise work); the operation cuts
 * it into tasks for the {@link dev.juggler.backend.cpusimd.WorkerPool}; a task calls a {@link
 * dev.juggler.backend.cpusimd.MatrixKernels kernel set} or the {@link
 * dev.juggler.backend.cpusimd.LaneKernels} below it.
 *
 * <p>Every number has one order of summation, which depends neither on the threads, nor on the
 * other rows of the batch, nor on how warm the compiler is. That is what makes eight streams at
 * once give the texts of eight streams one after the other.
 */
@NullMarked
package dev.juggler.backend.cpusimd;

import org.jspecify.annotations.NullMarked;
