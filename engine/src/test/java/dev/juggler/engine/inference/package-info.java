@NullMarked
package dev.juggler.engine.inference;

import org.jspecify.annotations.NullMarked;
