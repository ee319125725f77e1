/**
 * JSON bodies for protocols: reading with errors that name the field, writing that cannot fail. It
 * is here, and not in each plugin, so that every protocol refuses a bad body in the same words. The
 * one package of this module that needs Jackson, which the core provides.
 */
@NullMarked
package dev.juggler.protocol.json;

import org.jspecify.annotations.NullMarked;
