/** Which sequences compute which rows in which step, and the loop that runs the steps. */
@NullMarked
package dev.juggler.engine.scheduler;

import org.jspecify.annotations.NullMarked;
