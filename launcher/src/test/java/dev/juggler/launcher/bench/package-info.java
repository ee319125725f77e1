@NullMarked
package dev.juggler.launcher.bench;

import org.jspecify.annotations.NullMarked;
