/** Fetches a few files out of large archives on the network. */
@NullMarked
package dev.juggler.launcher.download;

import org.jspecify.annotations.NullMarked;
