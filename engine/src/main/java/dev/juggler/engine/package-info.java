/**
 * The engine: from a model file and a request to tokens. Knows no protocol and no backend by name.
 */
@NullMarked
package dev.juggler.engine;

import org.jspecify.annotations.NullMarked;
