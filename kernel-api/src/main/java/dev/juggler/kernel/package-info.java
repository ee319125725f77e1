/** The compute contract: what a backend offers to the engine, and the reference that defines it. */
@NullMarked
package dev.juggler.kernel;

import org.jspecify.annotations.NullMarked;
