package dev.juggler.launcher.http;

import io.undertow.server.HttpServerExchange;
import io.undertow.util.HeaderMap;
import io.undertow.util.Headers;
import io.undertow.util.HttpString;
import java.util.Collection;
import java.util.List;

/**
 * Cross-origin resource sharing (Fetch standard, section 3.2): which pages of other origins may
 * read answers. Without configured origins no header is sent and browsers keep them apart.
 */
final class Cors {
    private static final HttpString ALLOW_ORIGIN = new HttpString("Access-Control-Allow-Origin");
    private static final HttpString ALLOW_METHODS = new HttpString("Access-Control-Allow-Methods");
    private static final HttpString ALLOW_HEADERS = new HttpString("Access-Control-Allow-Headers");
    private static final HttpString MAX_AGE = new HttpString("Access-Control-Max-Age");
    private static final HttpString REQUEST_HEADERS =
            new HttpString("Access-Control-Request-Headers");

    private final List<String> origins;

    Cors(List<String> origins) {
        this.origins = origins;
    }

    /** Adds to any answer what lets an allowed origin read it. */
    void allow(HttpServerExchange exchange) {
        String origin = exchange.getRequestHeaders().getFirst(Headers.ORIGIN);
        if (origin == null || origins.isEmpty()) {
            return;
        }
        HeaderMap answer = exchange.getResponseHeaders();
        if (origins.contains("*")) {
            answer.put(ALLOW_ORIGIN, "*");
            return;
        }
        answer.add(Headers.VARY, "Origin");
        if (origins.contains(origin)) {
            answer.put(ALLOW_ORIGIN, origin);
        }
    }

    /** Adds to the answer to OPTIONS what a browser asks before it calls. */
    void preflight(HttpServerExchange exchange, Collection<String> methods) {
        HeaderMap answer = exchange.getResponseHeaders();
        if (!answer.contains(ALLOW_ORIGIN)) {
            return;
        }
        answer.put(ALLOW_METHODS, String.join(", ", methods));
        String wanted = exchange.getRequestHeaders().getFirst(REQUEST_HEADERS);
        if (wanted != null) {
            answer.put(ALLOW_HEADERS, wanted);
        }
        answer.put(MAX_AGE, "86400");
    }
}
