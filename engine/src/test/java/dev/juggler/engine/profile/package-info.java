/** Tests of what is recorded of steps. */
@NullMarked
package dev.juggler.engine.profile;

import org.jspecify.annotations.NullMarked;
