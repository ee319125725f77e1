package dev.juggler.protocol;

import dev.juggler.inference.Inference;
import java.util.Map;

/**
 * What a protocol is given.
 *
 * @param inference the engine
 * @param version version of Juggler, e.g. {@code 0.1.0}
 * @param values the keys under {@code juggler.protocol.NAME}, flattened with dots, values as text
 */
public record ProtocolContext(Inference inference, String version, Map<String, String> values) {
    public ProtocolContext {
        values = Map.copyOf(values);
    }
}
