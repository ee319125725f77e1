/** What {@code juggler bench} measures and how it is shown. */
@NullMarked
package dev.juggler.launcher.bench;

import org.jspecify.annotations.NullMarked;
