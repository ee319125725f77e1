/** The juggler command: wiring of engine, plugins and server. */
@NullMarked
package dev.juggler.launcher;

import org.jspecify.annotations.NullMarked;
