/** Finds, walls in, checks and starts PF4J plugins. */
@NullMarked
package dev.juggler.launcher.plugin;

import org.jspecify.annotations.NullMarked;
