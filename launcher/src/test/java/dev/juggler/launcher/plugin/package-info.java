@NullMarked
package dev.juggler.launcher.plugin;

import org.jspecify.annotations.NullMarked;
