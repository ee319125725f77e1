/** The conformance kit that every backend must pass. */
@NullMarked
package dev.juggler.tck;

import org.jspecify.annotations.NullMarked;
