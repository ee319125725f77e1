package dev.juggler.openai;

import dev.juggler.kernel.KernelApi;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.ProtocolContext;
import dev.juggler.protocol.ProtocolProvider;
import org.pf4j.Extension;

/** Offers the OpenAI API to the core. */
@Extension
public final class OpenAiProtocolProvider implements ProtocolProvider {
    @Override
    public String name() {
        return "openai";
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public Protocol open(ProtocolContext context) {
        return new OpenAiProtocol(context);
    }
}
