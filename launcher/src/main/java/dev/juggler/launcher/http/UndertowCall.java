package dev.juggler.launcher.http;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import io.undertow.connector.PooledByteBuffer;
import io.undertow.server.HttpServerExchange;
import io.undertow.server.protocol.http.HttpServerConnection;
import io.undertow.util.Headers;
import io.undertow.util.HttpString;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.xnio.IoUtils;
import org.xnio.channels.StreamSinkChannel;
import org.xnio.channels.StreamSourceChannel;

/** An Undertow exchange as protocols see it. Used by the one virtual thread of its request. */
final class UndertowCall implements HttpCall {
    /** A body that was not asked for is read up to this size, so that the connection lives on. */
    private static final int SKIPPED_BODY = 64 << 10;

    private static final Duration LINGER = Duration.ofSeconds(5);

    private final HttpServerExchange exchange;
    private final HttpSettings settings;
    private String path;
    private final ClientWatch watch;
    private final Map<String, Object> notes = new LinkedHashMap<>();
    private Map<String, String> parameters = Map.of();
    private byte @Nullable [] body;
    private @Nullable StreamSourceChannel source;
    private boolean answered;
    private boolean complete;

    UndertowCall(HttpServerExchange exchange, HttpSettings settings) {
        this.exchange = exchange;
        this.settings = settings;
        this.path = exchange.getRequestPath();
        this.watch = new ClientWatch((HttpServerConnection) exchange.getConnection());
    }

    /** Tells the call what routing has found: its decoded path and the parameters in it. */
    void routed(String decodedPath, Map<String, String> pathParameters) {
        this.path = decodedPath;
        this.parameters = pathParameters;
    }

    Map<String, Object> notes() {
        return notes;
    }

    @Override
    public String method() {
        return exchange.getRequestMethod().toString();
    }

    @Override
    public String path() {
        return path;
    }

    @Override
    public String pathParameter(String name) {
        String value = parameters.get(name);
        if (value == null) {
            throw new IllegalArgumentException("the route has no parameter {" + name + "}");
        }
        return value;
    }

    @Override
    public Optional<String> query(String name) {
        Deque<String> values = exchange.getQueryParameters().get(name);
        return values == null || values.isEmpty()
                ? Optional.empty()
                : Optional.of(PercentCode.decodeQuery(values.getFirst()));
    }

    @Override
    public Optional<String> header(String name) {
        return Optional.ofNullable(exchange.getRequestHeaders().getFirst(name));
    }

    @Override
    public byte[] body() throws IOException {
        byte[] known = body;
        if (known == null) {
            known = readBody(settings.maxBodyBytes());
            body = known;
        }
        return known;
    }

    private byte[] readBody(long limit) throws IOException {
        String encoding = header("Content-Encoding").orElse("identity");
        if (!encoding.equalsIgnoreCase("identity")) {
            throw new HttpError(
                    415,
                    "unsupported_media_type",
                    "the content encoding '%s' is not supported; send the body as it is"
                            .formatted(encoding),
                    null);
        }
        long declared = exchange.getRequestContentLength();
        if (declared > limit) {
            throw tooLarge("has %d bytes".formatted(declared), limit);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(Math.clamp(declared, 0, 1 << 16));
        if (!drain(bytes, limit, settings.readTimeout())) {
            throw tooLarge("is too large", limit);
        }
        return bytes.toByteArray();
    }

    private static HttpError tooLarge(String size, long limit) {
        return new HttpError(
                413,
                "request_too_large",
                "the body %s, the limit is %d bytes; send less or raise server.max-request-size"
                        .formatted(size, limit),
                null);
    }

    /**
     * Reads what is left of the request.
     *
     * @param sink what to keep it in, or null
     * @return false if there is more than {@code limit}
     */
    private boolean drain(@Nullable ByteArrayOutputStream sink, long limit, Duration stall)
            throws IOException {
        if (exchange.isRequestComplete()) {
            return true;
        }
        StreamSourceChannel channel = source;
        if (channel == null) {
            channel = exchange.getRequestChannel();
            source = channel;
        }
        long count = 0;
        try (PooledByteBuffer pooled = exchange.getConnection().getByteBufferPool().allocate()) {
            ByteBuffer buffer = pooled.getBuffer();
            while (true) {
                buffer.clear();
                int read = channel.read(buffer);
                if (read < 0) {
                    return true;
                }
                if (read == 0 && !Readiness.awaitReadable(channel, stall)) {
                    throw new HttpError(
                            408,
                            "request_timeout",
                            "the body did not come within %d s".formatted(stall.toSeconds()),
                            null);
                }
                count += read;
                if (count > limit) {
                    return false;
                }
                if (sink != null) {
                    byte[] piece = new byte[read];
                    buffer.flip().get(piece);
                    sink.write(piece, 0, read);
                }
            }
        }
    }

    @Override
    public void setHeader(String name, String value) {
        exchange.getResponseHeaders().put(new HttpString(name), value);
    }

    @Override
    public boolean isAnswered() {
        return answered;
    }

    /** The status that was sent, or 499 (as nginx has it) for a client that left before. */
    int status() {
        return answered ? exchange.getStatusCode() : 499;
    }

    @Override
    public void note(String name, Object value) {
        notes.put(name, value);
    }

    @Override
    public void onClientGone(Runnable action) {
        watch.onGone(action);
        if (exchange.isRequestComplete()) {
            watch.start();
        }
    }

    @Override
    public void respond(int status, String contentType, byte[] bytes) throws IOException {
        StreamSinkChannel channel = begin(status, contentType, bytes.length);
        // Before the last byte goes: with it the connection belongs to its next request.
        watch.stop();
        write(channel, ByteBuffer.wrap(bytes));
        end(channel);
    }

    @Override
    public BodyStream stream(int status, String contentType) throws IOException {
        StreamSinkChannel channel = begin(status, contentType, -1);
        flush(channel);
        return new BodyStream() {
            @Override
            public void write(byte[] piece) throws IOException {
                if (watch.isGone()) {
                    throw new IOException("the client has gone");
                }
                UndertowCall.this.write(channel, ByteBuffer.wrap(piece));
                flush(channel);
            }

            @Override
            public void close() throws IOException {
                if (!complete) {
                    watch.stop();
                    end(channel);
                }
            }
        };
    }

    private StreamSinkChannel begin(int status, String contentType, long length)
            throws IOException {
        if (answered) {
            throw new IllegalStateException("this call is answered already");
        }
        if (!exchange.isRequestComplete() && !skipShortBody()) {
            exchange.setPersistent(false);
        }
        exchange.setStatusCode(status);
        if (!contentType.isEmpty()) {
            exchange.getResponseHeaders().put(Headers.CONTENT_TYPE, contentType);
        }
        if (length >= 0) {
            exchange.setResponseContentLength(length);
        }
        answered = true;
        return exchange.getResponseChannel();
    }

    private boolean skipShortBody() {
        long declared = exchange.getRequestContentLength();
        boolean expects = exchange.getRequestHeaders().contains(Headers.EXPECT);
        if (declared < 0 || declared > SKIPPED_BODY || expects || source != null) {
            return false;
        }
        try {
            return drain(null, SKIPPED_BODY, LINGER);
        } catch (IOException | HttpError stalled) {
            return false;
        }
    }

    private void write(StreamSinkChannel channel, ByteBuffer bytes) throws IOException {
        try {
            while (bytes.hasRemaining()) {
                if (channel.write(bytes) == 0) {
                    awaitWritable(channel);
                }
            }
        } catch (IOException broken) {
            throw gone(broken);
        }
    }

    private void flush(StreamSinkChannel channel) throws IOException {
        try {
            while (!channel.flush()) {
                awaitWritable(channel);
            }
        } catch (IOException broken) {
            throw gone(broken);
        }
    }

    private void awaitWritable(StreamSinkChannel channel) throws IOException {
        if (!Readiness.awaitWritable(channel, settings.writeTimeout())) {
            throw new SocketTimeoutException(
                    "the client took nothing for %d s"
                            .formatted(settings.writeTimeout().toSeconds()));
        }
    }

    private IOException gone(IOException broken) {
        IoUtils.safeClose(exchange.getConnection());
        if (!(broken instanceof InterruptedIOException)
                || broken instanceof SocketTimeoutException) {
            watch.foundGone();
        }
        return broken;
    }

    private void end(StreamSinkChannel channel) throws IOException {
        complete = true;
        channel.shutdownWrites();
        flush(channel);
    }

    /**
     * Ends the call whatever state its handler has left it in: an answer that was begun and not
     * ended is cut off, so that the client sees an error and not a short answer.
     */
    void finish() {
        watch.stop();
        if (!complete) {
            IoUtils.safeClose(exchange.getConnection());
            return;
        }
        if (!exchange.isRequestComplete()) {
            linger();
        }
    }

    /**
     * Reads on for a moment: closing at once, with bytes of the request unread, would reset the
     * connection, and the client might never see the answer.
     */
    private void linger() {
        try {
            if (drain(null, 4 * settings.maxBodyBytes(), LINGER)) {
                return;
            }
        } catch (IOException | HttpError ended) {
            // Closing is all that is left to do, below.
        }
        IoUtils.safeClose(exchange.getConnection());
    }
}
