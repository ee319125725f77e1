/** Words for people. */
@NullMarked
package dev.juggler.engine.text;

import org.jspecify.annotations.NullMarked;
