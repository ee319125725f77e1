package dev.juggler.launcher;

import dev.juggler.engine.gguf.ReadAhead;
import dev.juggler.engine.inference.LoadProgress;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs from time to time how far the reading of a model's file is. */
final class LoadingLog implements LoadProgress {
    private static final Logger LOG = LoggerFactory.getLogger(LoadingLog.class);
    private static final Duration INTERVAL = Duration.ofSeconds(5);
    private static final double GIGABYTE = 1e9;

    @Override
    public ReadAhead.Progress begin(String model) {
        return new Line(model);
    }

    private static final class Line implements ReadAhead.Progress {
        private final String model;
        private long next = System.nanoTime() + INTERVAL.toNanos();

        Line(String model) {
            this.model = model;
        }

        @Override
        public void read(long done, long total) {
            if (System.nanoTime() - next < 0) {
                return;
            }
            next = System.nanoTime() + INTERVAL.toNanos();
            LOG.info(
                    "reading model {}: {}",
                    model,
                    "%.1f of %.1f GB".formatted(done / GIGABYTE, total / GIGABYTE));
        }
    }
}
