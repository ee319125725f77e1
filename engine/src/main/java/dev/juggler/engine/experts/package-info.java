/**
 * Experts that come and go on fast memory while a model runs: who stays, and how well that works.
 */
@NullMarked
package dev.juggler.engine.experts;

import org.jspecify.annotations.NullMarked;
