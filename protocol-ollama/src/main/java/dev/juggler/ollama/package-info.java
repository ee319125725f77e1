/** The Ollama API: generate, chat and what its clients ask about models, on any engine. */
@NullMarked
package dev.juggler.ollama;

import org.jspecify.annotations.NullMarked;
