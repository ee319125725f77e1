package dev.juggler.launcher.download;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A file on an HTTP server of which parts are read (RFC 9110, section 14). Each part is a request
 * of its own that ends within a minute or fails, and is asked for again where the connection broke.
 */
public final class RemoteFile implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(20);
    private static final Duration PART = Duration.ofSeconds(60);
    private static final int ATTEMPTS = 4;
    private static final int PARTIAL = 206;
    private static final int WHOLE = 200;
    private static final int NOT_FOUND = 404;
    private static final int SERVER_ERROR = 500;

    private final URI uri;
    private final Duration pause;
    private final HttpClient client =
            HttpClient.newBuilder()
                    .connectTimeout(CONNECT)
                    .followRedirects(HttpClient.Redirect.NORMAL)
                    .build();

    /** A file whose parts are asked for up to four times, with rising pauses between. */
    public RemoteFile(URI uri) {
        this(uri, Duration.ofSeconds(2));
    }

    /**
     * @param pause before a part is asked for again, doubled each time
     */
    RemoteFile(URI uri, Duration pause) {
        this.uri = uri;
        this.pause = pause;
    }

    /**
     * Its size in bytes.
     *
     * @throws DownloadException if the server does not give it
     */
    public long size() {
        HttpResponse<byte[]> response = ask("bytes=0-0");
        String range = response.headers().firstValue("Content-Range").orElse("");
        try {
            return Long.parseLong(range.substring(range.indexOf('/') + 1));
        } catch (NumberFormatException e) {
            throw new DownloadException(
                    "%s: the server does not say how large it is (Content-Range \"%s\")"
                            .formatted(uri, range),
                    e);
        }
    }

    /**
     * Bytes of it.
     *
     * @throws DownloadException if they do not come
     */
    public byte[] read(long from, int count) {
        byte[] bytes = ask("bytes=%d-%d".formatted(from, from + count - 1)).body();
        if (bytes.length != count) {
            throw new DownloadException(
                    "%s: %d bytes came instead of %d from %d on"
                            .formatted(uri, bytes.length, count, from));
        }
        return bytes;
    }

    private HttpResponse<byte[]> ask(String range) {
        HttpRequest request = HttpRequest.newBuilder(uri).header("Range", range).build();
        for (int attempt = 1; ; attempt++) {
            try {
                HttpResponse<byte[]> response = answer(request);
                if (response.statusCode() < SERVER_ERROR || attempt == ATTEMPTS) {
                    return check(response);
                }
            } catch (IOException e) {
                if (attempt == ATTEMPTS) {
                    throw new DownloadException(
                            "%s: %s; try again later, what has come is kept".formatted(uri, e), e);
                }
            }
            pause(attempt);
        }
    }

    /** The timeout of a request ends with its headers, so this one is the caller's. */
    private HttpResponse<byte[]> answer(HttpRequest request) throws IOException {
        CompletableFuture<HttpResponse<byte[]>> answer =
                client.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray());
        try {
            return answer.get(PART.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            answer.cancel(true);
            throw new IOException("nothing whole came within " + PART.toSeconds() + " s", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private HttpResponse<byte[]> check(HttpResponse<byte[]> response) {
        int status = response.statusCode();
        if (status == PARTIAL) {
            return response;
        }
        String what =
                switch (status) {
                    case NOT_FOUND -> "is not there (404); is the repository's address right?";
                    case WHOLE ->
                            "comes from a server that gives whole files only; name a repository that"
                                    + " gives parts (Maven Central does)";
                    default -> "cannot be had, the server answers " + status;
                };
        throw new DownloadException(uri + " " + what);
    }

    private void pause(int attempt) {
        try {
            Thread.sleep(pause.multipliedBy(1L << (attempt - 1)));
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private DownloadException interrupted(InterruptedException cause) {
        Thread.currentThread().interrupt();
        return new DownloadException(uri + ": interrupted", cause);
    }

    @Override
    public String toString() {
        return uri.toString();
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
