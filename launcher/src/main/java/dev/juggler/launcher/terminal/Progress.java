package dev.juggler.launcher.terminal;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A progress bar on standard error, if a person watches; else nothing. */
public final class Progress implements AutoCloseable {
    private static final int WIDTH = 80;

    private final @Nullable ProgressBar bar;

    private Progress(@Nullable ProgressBar bar) {
        this.bar = bar;
    }

    /** Begins work of {@code steps} steps. */
    public static Progress of(String task, long steps) {
        return begin(new ProgressBarBuilder().setTaskName(task).setInitialMax(steps));
    }

    /** Begins work on {@code bytes} bytes. */
    public static Progress ofBytes(String task, long bytes) {
        return begin(
                new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(bytes)
                        .setUnit(" MB", 1_000_000)
                        .showSpeed());
    }

    private static Progress begin(ProgressBarBuilder bar) {
        if (!StandardError.isTerminal()) {
            return new Progress(null);
        }
        return new Progress(
                bar.setStyle(ProgressBarStyle.UNICODE_BLOCK)
                        .setUpdateIntervalMillis(100)
                        .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                        .clearDisplayOnFinish()
                        .build());
    }

    /** Some steps are done. */
    public void advance(long steps) {
        if (bar != null) {
            bar.stepBy(steps);
        }
    }

    /** Says what is being done. */
    public void note(String text) {
        if (bar != null) {
            bar.setExtraMessage(text);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
