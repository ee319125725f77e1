/** Parts of commands that can be tried without a terminal. */
@NullMarked
package dev.juggler.launcher.command;

import org.jspecify.annotations.NullMarked;
