package dev.juggler.ollama;

import dev.juggler.kernel.KernelApi;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.ProtocolContext;
import dev.juggler.protocol.ProtocolProvider;
import org.pf4j.Extension;

/** Offers the Ollama API to the core. */
@Extension
public final class OllamaProtocolProvider implements ProtocolProvider {
    @Override
    public String name() {
        return "ollama";
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public Protocol open(ProtocolContext context) {
        return new OllamaProtocol(context);
    }
}
