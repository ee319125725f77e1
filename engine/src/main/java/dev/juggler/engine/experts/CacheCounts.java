package dev.juggler.engine.experts;

import java.util.concurrent.atomic.LongAdder;

/** How well a cache of experts works, since the model was loaded. Safe for many threads. */
public final class CacheCounts {
    private final LongAdder hits = new LongAdder();
    private final LongAdder misses = new LongAdder();
    private final LongAdder moves = new LongAdder();
    private final LongAdder bytes = new LongAdder();

    /** What was counted at one moment. */
    public record Counted(long hits, long misses, long moves, long bytes) {
        /** The share of choices that were found in fast memory; 0 where there were none. */
        public double hitRate() {
            long all = hits + misses;
            return all == 0 ? 0 : (double) hits / all;
        }
    }

    /** Counts choices of experts that could be in fast memory. */
    public void chosen(long found, long missed) {
        hits.add(found);
        misses.add(missed);
    }

    /** Counts an expert that was brought to fast memory. */
    public void moved(long size) {
        moves.increment();
        bytes.add(size);
    }

    /** All counts. */
    public Counted now() {
        return new Counted(hits.sum(), misses.sum(), moves.sum(), bytes.sum());
    }
}
