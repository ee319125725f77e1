@NullMarked
package dev.juggler.launcher.download;

import org.jspecify.annotations.NullMarked;
