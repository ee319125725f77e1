/** Whole models against logits and texts of independent engines. */
@NullMarked
package dev.juggler.engine.golden;

import org.jspecify.annotations.NullMarked;
