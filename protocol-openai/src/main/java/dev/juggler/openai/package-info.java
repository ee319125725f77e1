/** The OpenAI API: chat completions, completions and models, on any engine. */
@NullMarked
package dev.juggler.openai;

import org.jspecify.annotations.NullMarked;
