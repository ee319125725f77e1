/**
 * Placement: from the rules of the configuration to the device of each weight, and what that costs
 * in memory and time.
 */
@NullMarked
package dev.juggler.engine.placement;

import org.jspecify.annotations.NullMarked;
