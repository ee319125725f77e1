/**
 * From the stream of decoded text to events: stop texts, reasoning, tool calls. A new format of
 * tool calls is a {@link dev.juggler.engine.answer.ToolCallFormat} and a line in {@link
 * dev.juggler.engine.answer.ToolCallFormats}.
 */
@NullMarked
package dev.juggler.engine.answer;

import org.jspecify.annotations.NullMarked;
