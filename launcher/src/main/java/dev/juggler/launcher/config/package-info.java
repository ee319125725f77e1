/** The configuration: where it comes from, what overrides what, and what is refused. */
@NullMarked
package dev.juggler.launcher.config;

import org.jspecify.annotations.NullMarked;
