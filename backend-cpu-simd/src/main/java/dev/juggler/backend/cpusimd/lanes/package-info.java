/**
 * Kernels on the Vector API, written for any vector width and loaded once for each; see {@link
 * dev.juggler.backend.cpusimd.LaneCode}. Nothing outside may name these classes, and they are never
 * loaded by the plugin's own loader.
 *
 * <p>What the compiler wants, by measurement: one flat loop a method, accumulators that live inside
 * it, small helpers, no shuffles. A helper in a big method is no longer inlined, and then every
 * vector becomes an object.
 */
@NullMarked
package dev.juggler.backend.cpusimd.lanes;

import org.jspecify.annotations.NullMarked;
