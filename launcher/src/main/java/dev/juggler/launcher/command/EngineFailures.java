package dev.juggler.launcher.command;

import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.placement.PlacementException;
import dev.juggler.engine.template.jinja.TemplateException;
import dev.juggler.engine.tokenizer.TokenizerException;
import dev.juggler.kernel.OutOfDeviceMemoryException;

/** Failures of the engine whose message tells the user what to mend. */
final class EngineFailures {
    private EngineFailures() {}

    static boolean isMendable(Exception failure) {
        return failure instanceof GgufException
                || failure instanceof ModelException
                || failure instanceof PlacementException
                || failure instanceof TokenizerException
                || failure instanceof TemplateException
                || failure instanceof OutOfDeviceMemoryException;
    }
}
