/** Tests of the reference and of the conformance kit itself. */
@NullMarked
package dev.juggler.tck;

import org.jspecify.annotations.NullMarked;
