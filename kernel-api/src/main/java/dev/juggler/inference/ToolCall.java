package dev.juggler.inference;

import java.util.Map;

/**
 * A call of a tool.
 *
 * @param id names the call; unique within a conversation
 * @param name the function
 * @param arguments its arguments, in the order in which they were written
 */
public record ToolCall(String id, String name, Map<String, Object> arguments) {}
