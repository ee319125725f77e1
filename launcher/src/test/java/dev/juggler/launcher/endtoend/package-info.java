@NullMarked
package dev.juggler.launcher.endtoend;

import org.jspecify.annotations.NullMarked;
