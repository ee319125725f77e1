/** Puts a model on devices: loads weights where the placement says, and sends operations there. */
@NullMarked
package dev.juggler.engine.device;

import org.jspecify.annotations.NullMarked;
