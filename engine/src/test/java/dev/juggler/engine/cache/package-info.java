@NullMarked
package dev.juggler.engine.cache;

import org.jspecify.annotations.NullMarked;
