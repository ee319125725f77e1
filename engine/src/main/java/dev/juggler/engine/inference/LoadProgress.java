package dev.juggler.engine.inference;

import dev.juggler.engine.gguf.ReadAhead;

/** Is told how far the reading of a model's file is, where that takes long. */
@FunctionalInterface
public interface LoadProgress {
    /** For those who do not care. */
    LoadProgress NONE = model -> ReadAhead.Progress.NONE;

    /** Begins a model; the result is called only if some of its file is not in memory. */
    ReadAhead.Progress begin(String model);
}
