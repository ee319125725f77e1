/** JMH benchmarks of kernels, for any backend on the class path. */
@NullMarked
package dev.juggler.benchmarks;

import org.jspecify.annotations.NullMarked;
