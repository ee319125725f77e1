/**
 * Text to token ids and back, as the vocabulary in a model file defines it.
 *
 * <p>{@link dev.juggler.engine.tokenizer.Tokenizers} reads a vocabulary and makes a {@link
 * dev.juggler.engine.tokenizer.Tokenizer}. Encoding cuts the text at special tokens ({@code
 * SpecialTokens}); what lies between them goes to a {@code TokenModel}: byte-level BPE (which first
 * cuts it into words by a {@code PreTokenizer}) or SentencePiece.
 */
@NullMarked
package dev.juggler.engine.tokenizer;

import org.jspecify.annotations.NullMarked;
