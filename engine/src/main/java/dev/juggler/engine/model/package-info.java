/** What the engine runs: a loaded model, the batch of a step, and the cache it reads and writes. */
@NullMarked
package dev.juggler.engine.model;

import org.jspecify.annotations.NullMarked;
