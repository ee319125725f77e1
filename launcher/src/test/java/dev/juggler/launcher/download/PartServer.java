package dev.juggler.launcher.download;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server that has one file and gives parts of it, as well as it is told to. */
final class PartServer implements AutoCloseable {
    private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");

    private final HttpServer server;
    private final byte[] content;
    private int answersLeft = Integer.MAX_VALUE;
    private int cutsLeft;
    private boolean wholeOnly;
    private long given;

    PartServer(byte[] content) {
        this.content = content;
        try {
            InetAddress here = InetAddress.getLoopbackAddress();
            server = HttpServer.create(new InetSocketAddress(here, 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.createContext("/", this::answer);
        server.start();
    }

    /** Its address as a Maven repository. */
    String repository() {
        return "http://localhost:%d/maven2".formatted(server.getAddress().getPort());
    }

    URI address() {
        return CudaRedistributable.in(repository());
    }

    /** Answers so many requests and breaks all later ones off. */
    synchronized void breakAfter(int answers) {
        answersLeft = answers;
    }

    /** Breaks so many answers off in the middle. */
    synchronized void cut(int answers) {
        cutsLeft = answers;
    }

    synchronized void giveWholeFilesOnly() {
        wholeOnly = true;
    }

    /** Bytes that were given since this was last called. */
    synchronized long takeGiven() {
        long taken = given;
        given = 0;
        return taken;
    }

    private synchronized void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            Matcher range =
                    RANGE.matcher(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
            if (!exchange.getRequestURI().getPath().startsWith("/maven2/org/bytedeco/cuda/")) {
                exchange.sendResponseHeaders(404, -1);
            } else if (wholeOnly || !range.matches()) {
                exchange.sendResponseHeaders(200, content.length);
                exchange.getResponseBody().write(content);
            } else if (answersLeft-- > 0) {
                give(exchange, Integer.parseInt(range.group(1)), Integer.parseInt(range.group(2)));
            }
        }
    }

    private void give(HttpExchange exchange, int from, int last) throws IOException {
        int to = Math.min(last + 1, content.length);
        exchange.getResponseHeaders()
                .add("Content-Range", "bytes %d-%d/%d".formatted(from, to - 1, content.length));
        exchange.sendResponseHeaders(206, to - from);
        OutputStream body = exchange.getResponseBody();
        if (cutsLeft-- > 0) {
            body.write(content, from, (to - from) / 2);
            body.flush();
            return; // closing it now breaks the connection
        }
        body.write(content, from, to - from);
        given += to - from;
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
