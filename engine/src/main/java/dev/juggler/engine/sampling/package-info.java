/** How a token is chosen from a row of logits. */
@NullMarked
package dev.juggler.engine.sampling;

import org.jspecify.annotations.NullMarked;
