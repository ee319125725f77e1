/** Model families against plain references, and against broken files. */
@NullMarked
package dev.juggler.engine.architecture;

import org.jspecify.annotations.NullMarked;
