/** What a person sees: tables, progress, colours, and where errors go. */
@NullMarked
package dev.juggler.launcher.terminal;

import org.jspecify.annotations.NullMarked;
