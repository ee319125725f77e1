/** Blocks by themselves. */
@NullMarked
package dev.juggler.engine.nn;

import org.jspecify.annotations.NullMarked;
