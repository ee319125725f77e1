package dev.juggler.inference;

import java.util.Map;

/**
 * A tool that the model may call.
 *
 * @param definition the whole definition in OpenAI's form, {@code {"type": "function", "function":
 *     {"name": ..., "description": ..., "parameters": {JSON schema}}}}, keys in the client's order
 */
public record Tool(Map<String, Object> definition) {}
