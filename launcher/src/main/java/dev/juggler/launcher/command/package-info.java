/** The commands of the juggler command line. */
@NullMarked
package dev.juggler.launcher.command;

import org.jspecify.annotations.NullMarked;
