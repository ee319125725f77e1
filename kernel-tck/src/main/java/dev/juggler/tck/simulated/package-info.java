/**
 * A device that is not there: with memory of its own, a clock of its own and faults on request, for
 * tests of what a model on several devices does.
 */
@NullMarked
package dev.juggler.tck.simulated;

import org.jspecify.annotations.NullMarked;
