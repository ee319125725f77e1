/** Tests of experts that come and go. */
@NullMarked
package dev.juggler.engine.experts;

import org.jspecify.annotations.NullMarked;
