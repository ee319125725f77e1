@NullMarked
package dev.juggler.engine.sampling;

import org.jspecify.annotations.NullMarked;
