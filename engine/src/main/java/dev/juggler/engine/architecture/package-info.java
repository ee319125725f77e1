/**
 * Model families, one file each: which keys and tensors they read, and how they are put together.
 */
@NullMarked
package dev.juggler.engine.architecture;

import org.jspecify.annotations.NullMarked;
