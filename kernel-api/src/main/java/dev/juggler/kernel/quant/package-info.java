/**
 * The stored element types: what their bytes mean, exactly. The formats are those of GGUF files
 * (ggml's block types); all numbers in them are little endian.
 */
@NullMarked
package dev.juggler.kernel.quant;

import org.jspecify.annotations.NullMarked;
