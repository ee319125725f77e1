package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.PageTables;
import dev.juggler.engine.sampling.TokenSampler;
import dev.juggler.inference.InferenceException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One generation in flight: its tokens, how many of them are in the cache, its pages, and the queue
 * to its consumer. {@link #take}, {@link #ending}, {@link #timing} and {@link #cancel} are for the
 * consumer; the rest belongs to the scheduler, under its lock.
 */
public final class Sequence {
    private static final int ROOM = 256;

    private final Scheduler scheduler;
    private final SequenceOptions options;
    private final int promptLength;
    private final int maxTokens;
    private final TokenQueue queue;

    private int[] tokens;
    private int length;
    private int computed;
    private PageTables pages = PageTables.NONE;
    private long parkedSince;
    private boolean parked;
    private volatile boolean cancelled;

    private final long submitted = System.nanoTime();
    private volatile long admitted;
    private volatile long firstToken;
    private volatile long lastToken;

    Sequence(
            Scheduler scheduler, int[] prompt, int maxTokens, SequenceOptions options, int events) {
        this.scheduler = scheduler;
        this.options = options;
        this.promptLength = prompt.length;
        this.maxTokens = maxTokens;
        this.tokens = Arrays.copyOf(prompt, prompt.length + Math.min(maxTokens, ROOM));
        this.length = prompt.length;
        this.queue = new TokenQueue(events, scheduler::wake);
    }

    /**
     * The next token, waiting for it, or null at the end.
     *
     * @throws InferenceException if the sequence has failed
     * @throws InterruptedException if the waiting thread is interrupted
     */
    public @Nullable SampledToken take() throws InterruptedException {
        return queue.take();
    }

    /** How it ended, or null while it runs. */
    public @Nullable Ending ending() {
        return queue.ending();
    }

    /** Ends it: it leaves at the next step, and its pages are free then. From any thread. */
    public void cancel() {
        cancelled = true;
        queue.abandon();
        scheduler.cancel(this);
    }

    /** What it has waited and worked until now. */
    public SequenceTiming timing() {
        return new SequenceTiming(submitted, admitted, firstToken, lastToken);
    }

    /** Tokens of the prompt. */
    public int promptLength() {
        return promptLength;
    }

    /** Most tokens that it will generate. */
    public int maxTokens() {
        return maxTokens;
    }

    TokenSampler sampler() {
        return options.sampler();
    }

    @Nullable Integer topLogprobs() {
        return options.topLogprobs();
    }

    /** Its tokens, prompt and answer, in the first {@link #length} places. */
    int[] tokens() {
        return tokens;
    }

    int length() {
        return length;
    }

    /** How many of its tokens are in the cache. */
    int computed() {
        return computed;
    }

    PageTables pages() {
        return pages;
    }

    boolean isCancelled() {
        return cancelled;
    }

    /** Positions that it can come to need: the last token generated is never computed. */
    int positions() {
        return promptLength + maxTokens - 1;
    }

    void admit(PageTables itsPages) {
        pages = itsPages;
        admitted = System.nanoTime();
    }

    PageTables leave() {
        PageTables left = pages;
        pages = PageTables.NONE;
        return left;
    }

    /** Whether its consumer is too far behind; remembers since when. */
    boolean park(long now) {
        boolean full = queue.isFull();
        if (full && !parked) {
            parkedSince = now;
        }
        parked = full;
        return full;
    }

    /** For how many nanoseconds it has been parked, 0 if it is not. */
    long parkedFor(long now) {
        return parked ? now - parkedSince : 0;
    }

    void computed(int rows) {
        computed += rows;
    }

    /** Appends a generated token; returns how this ends the sequence, or null. */
    @Nullable Ending append(SampledToken token) {
        if (length == tokens.length) {
            int room = Math.min(length + length / 2 + ROOM, promptLength + maxTokens);
            tokens = Arrays.copyOf(tokens, room);
        }
        tokens[length++] = token.id();
        lastToken = System.nanoTime();
        if (length == promptLength + 1) {
            firstToken = lastToken;
        }
        queue.offer(token);
        if (options.endsText().test(token.id())) {
            return Ending.END_OF_TEXT;
        }
        return length == promptLength + maxTokens ? Ending.LENGTH : null;
    }

    void end(Ending how, @Nullable InferenceException why) {
        queue.end(how, why);
    }
}
