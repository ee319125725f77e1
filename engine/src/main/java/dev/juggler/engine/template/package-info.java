/**
 * Chat templates: from a conversation to the text that the model continues, by the model's own
 * template.
 */
@NullMarked
package dev.juggler.engine.template;

import org.jspecify.annotations.NullMarked;
