/**
 * The seam to CUDA: what the backend asks of a driver, so that it can be tested without one. {@link
 * dev.juggler.backend.cuda.driver.JCudaDriver} is NVIDIA's.
 */
@NullMarked
package dev.juggler.backend.cuda.driver;

import org.jspecify.annotations.NullMarked;
