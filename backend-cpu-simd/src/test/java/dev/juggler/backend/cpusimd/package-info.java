/** Tests of the CPU backend. */
@NullMarked
package dev.juggler.backend.cpusimd;

import org.jspecify.annotations.NullMarked;
