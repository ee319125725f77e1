package dev.juggler.protocol;

import java.io.IOException;
import java.util.Optional;

/** One HTTP request and the answer to it. */
public interface HttpCall {
    /** Method in capitals. */
    String method();

    /** Decoded path, e.g. {@code /v1/models}. */
    String path();

    /** A parameter of the route's path, decoded. */
    String pathParameter(String name);

    /** First value of a query parameter. */
    Optional<String> query(String name);

    /** First value of a request header. */
    Optional<String> header(String name);

    /**
     * The whole body.
     *
     * @throws HttpError 413 if it is larger than the configured limit
     */
    byte[] body() throws IOException;

    /** Sets a header of the answer; before {@link #respond} or {@link #stream}. */
    void setHeader(String name, String value);

    /** Answers at once. */
    void respond(int status, String contentType, byte[] body) throws IOException;

    /** Starts an answer in pieces. */
    BodyStream stream(int status, String contentType) throws IOException;

    /** True once a status has been sent. */
    boolean isAnswered();

    /**
     * Runs {@code action} once if the client goes away before the call is answered, from any
     * thread. This is how a protocol ends a generation that nobody waits for.
     */
    void onClientGone(Runnable action);

    /**
     * Adds {@code name=value} to the line that the server logs for this call, e.g. the model and
     * the number of tokens.
     */
    default void note(String name, Object value) {}

    /** The body of an answer that is sent piece by piece. */
    interface BodyStream extends AutoCloseable {
        /**
         * Sends a piece now, waiting for a slow client.
         *
         * @throws IOException if the client has gone
         */
        void write(byte[] piece) throws IOException;

        /** Ends the answer. */
        @Override
        void close() throws IOException;
    }
}
