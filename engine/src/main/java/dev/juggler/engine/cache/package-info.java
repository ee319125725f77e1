/** The paged cache of keys and values, and who owns which page. */
@NullMarked
package dev.juggler.engine.cache;

import org.jspecify.annotations.NullMarked;
