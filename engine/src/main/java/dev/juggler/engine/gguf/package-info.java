/**
 * GGUF model files, versions 2 and 3: metadata and tensor tables, read from mapped memory and fully
 * checked before anybody uses them.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">The GGUF
 *     specification</a>
 */
@NullMarked
package dev.juggler.engine.gguf;

import org.jspecify.annotations.NullMarked;
