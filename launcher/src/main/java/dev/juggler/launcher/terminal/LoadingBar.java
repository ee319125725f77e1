package dev.juggler.launcher.terminal;

import dev.juggler.engine.gguf.ReadAhead;
import dev.juggler.engine.inference.LoadProgress;
import org.jspecify.annotations.Nullable;

/** Shows a person how far the reading of a model's file is. */
public final class LoadingBar implements LoadProgress {
    @Override
    public ReadAhead.Progress begin(String model) {
        return new Bar("reading " + model);
    }

    private static final class Bar implements ReadAhead.Progress {
        private final String task;
        private @Nullable Progress progress;
        private long shown;

        Bar(String task) {
            this.task = task;
        }

        @Override
        public void read(long done, long total) {
            if (progress == null) {
                progress = Progress.ofBytes(task, total);
            }
            progress.advance(done - shown);
            shown = done;
            if (done == total) {
                progress.close();
            }
        }
    }
}
