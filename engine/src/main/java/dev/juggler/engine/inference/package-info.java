/**
 * The engine as protocols see it: configured models, loaded on first use, and their generations.
 */
@NullMarked
package dev.juggler.engine.inference;

import org.jspecify.annotations.NullMarked;
