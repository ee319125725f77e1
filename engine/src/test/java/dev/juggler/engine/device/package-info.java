/** Tests of placed models. */
@NullMarked
package dev.juggler.engine.device;

import org.jspecify.annotations.NullMarked;
