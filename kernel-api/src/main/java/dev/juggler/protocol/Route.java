package dev.juggler.protocol;

/**
 * A method and a path that a protocol serves.
 *
 * @param method HTTP method in capitals; HEAD is served where GET is
 * @param path literal segments and parameters: {@code /v1/models/{id}}; a last {@code {name*}}
 *     takes the rest of the path, slashes included
 */
public record Route(String method, String path, Handler handler) {
    /** Answers a call. */
    @FunctionalInterface
    public interface Handler {
        /**
         * Answers with exactly one of {@link HttpCall#respond} and {@link HttpCall#stream}.
         *
         * @throws HttpError to answer with an error
         * @throws dev.juggler.inference.InferenceException likewise; the server maps its kind to a
         *     status
         * @throws java.io.IOException if the client has gone
         * @throws InterruptedException if the server stops
         */
        void handle(HttpCall call) throws java.io.IOException, InterruptedException;
    }
}
