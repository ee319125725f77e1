/**
 * The blocks that architectures are made of. They take parameters and know no architecture's name.
 */
@NullMarked
package dev.juggler.engine.nn;

import org.jspecify.annotations.NullMarked;
