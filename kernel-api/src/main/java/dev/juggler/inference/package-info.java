/** What a protocol asks of the engine: models, requests, and the events of a generation. */
@NullMarked
package dev.juggler.inference;

import org.jspecify.annotations.NullMarked;
