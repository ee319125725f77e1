package dev.juggler.launcher.http;

import io.undertow.connector.PooledByteBuffer;
import io.undertow.server.protocol.http.HttpServerConnection;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.xnio.conduits.StreamSourceConduit;

/**
 * Notices that a client closes its connection while its request is being answered. Nothing reads
 * the connection then, so the watch does: the end of the stream means that the client has gone, and
 * bytes are the start of a pipelined request, which are put back.
 */
final class ClientWatch {
    private final HttpServerConnection connection;
    private final StreamSourceConduit source;
    private final List<Runnable> actions = new ArrayList<>();
    private boolean watching;
    private boolean stopped;
    private boolean gone;

    ClientWatch(HttpServerConnection connection) {
        this.connection = connection;
        this.source = connection.getOriginalSourceConduit();
    }

    /**
     * Starts watching; only after the request was read completely. It happens on the connection's
     * I/O thread, where no other listener of it can be under way.
     */
    void start() {
        connection.getIoThread().execute(this::startOnIoThread);
    }

    private synchronized void startOnIoThread() {
        // With a pipelined request already here the client is known to be alive, and its bytes must
        // not be read twice.
        if (stopped || watching || connection.getExtraBytes() != null) {
            return;
        }
        watching = true;
        connection.getChannel().getSourceChannel().setReadListener(channel -> readable());
        source.resumeReads();
    }

    /** Runs {@code action} when the client goes, at once if it has gone already. */
    void onGone(Runnable action) {
        synchronized (this) {
            if (!gone) {
                if (!stopped) {
                    actions.add(action);
                }
                return;
            }
        }
        action.run();
    }

    synchronized boolean isGone() {
        return gone;
    }

    /** Tells that a write has failed, which means the same. */
    void foundGone() {
        List<Runnable> due;
        synchronized (this) {
            if (gone || stopped) {
                return;
            }
            gone = true;
            due = List.copyOf(actions);
        }
        due.forEach(Runnable::run);
    }

    /** Ends the watch. After this the connection can be handed on to its next request. */
    synchronized void stop() {
        if (watching && !stopped) {
            source.suspendReads();
        }
        stopped = true;
    }

    private void readable() {
        List<Runnable> due;
        synchronized (this) {
            if (stopped) {
                return;
            }
            PooledByteBuffer buffer = connection.getByteBufferPool().allocate();
            int count;
            try {
                count = source.read(buffer.getBuffer());
            } catch (IOException reset) {
                count = -1;
            }
            if (count > 0) {
                source.suspendReads();
                buffer.getBuffer().flip();
                connection.ungetRequestBytes(buffer);
                return;
            }
            buffer.close();
            if (count == 0) {
                return;
            }
            source.suspendReads();
            gone = true;
            due = List.copyOf(actions);
        }
        // The actions are a protocol's code, which has no business on an I/O thread.
        Thread.ofVirtual().name("client-gone").start(() -> due.forEach(Runnable::run));
    }
}
