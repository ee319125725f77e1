/** Tests of what is found out about a machine. */
@NullMarked
package dev.juggler.launcher.doctor;

import org.jspecify.annotations.NullMarked;
