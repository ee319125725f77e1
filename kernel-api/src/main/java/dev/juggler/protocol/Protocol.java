package dev.juggler.protocol;

import java.util.List;

/** A way of talking to Juggler over HTTP. Handlers run on virtual threads and may block. */
public interface Protocol extends AutoCloseable {
    /** Its routes. Two protocols may not claim the same method and path. */
    List<Route> routes();

    /**
     * Writes an error in this API's shape; called for exceptions that leave a handler and for
     * errors that the server finds under one of this protocol's paths (404, 405, 413, 415, 503).
     */
    void writeError(HttpCall call, HttpError error) throws java.io.IOException;

    @Override
    default void close() {}
}
