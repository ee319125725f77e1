package dev.juggler.launcher.http;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.xnio.ChannelListener;
import org.xnio.channels.StreamSinkChannel;
import org.xnio.channels.StreamSourceChannel;

/**
 * Parks a virtual thread until a channel can go on. XNIO's own blocking waits keep a selector per
 * thread, which is a leak of file descriptors when every request has a thread of its own.
 */
final class Readiness {
    private Readiness() {}

    /**
     * Waits until {@code channel} has something to read.
     *
     * @return false if that took longer than {@code limit}
     */
    static boolean awaitReadable(StreamSourceChannel channel, Duration limit) throws IOException {
        Semaphore ready = new Semaphore(0);
        ChannelListener<StreamSourceChannel> listener =
                source -> {
                    source.suspendReads();
                    ready.release();
                };
        channel.getReadSetter().set(listener);
        channel.resumeReads();
        boolean came = await(ready, limit);
        if (!came) {
            channel.suspendReads();
        }
        return came;
    }

    /**
     * Waits until {@code channel} takes more.
     *
     * @return false if that took longer than {@code limit}
     */
    static boolean awaitWritable(StreamSinkChannel channel, Duration limit) throws IOException {
        Semaphore ready = new Semaphore(0);
        ChannelListener<StreamSinkChannel> listener =
                sink -> {
                    sink.suspendWrites();
                    ready.release();
                };
        channel.getWriteSetter().set(listener);
        channel.resumeWrites();
        boolean came = await(ready, limit);
        if (!came) {
            channel.suspendWrites();
        }
        return came;
    }

    private static boolean await(Semaphore ready, Duration limit) throws IOException {
        try {
            return ready.tryAcquire(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the server is stopping");
        }
    }
}
