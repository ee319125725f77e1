package dev.juggler.launcher.http;

import dev.juggler.inference.InferenceException;
import dev.juggler.launcher.http.Router.Match;
import dev.juggler.launcher.http.Router.Mount;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import io.undertow.server.HttpServerExchange;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers one request after the other on each of its threads: route, handle, map errors, log. */
final class Dispatcher {
    private static final Logger LOG = LoggerFactory.getLogger(Dispatcher.class);

    /** What remains of a stop after the handlers were interrupted. */
    private static final Duration AFTER_INTERRUPT = Duration.ofSeconds(2);

    private static final Duration LEAST_RETRY = Duration.ofSeconds(1);

    private final HttpSettings settings;
    private final Cors cors;
    private final Mount server;
    private final Router router;
    private final RequestLog requestLog = new RequestLog();
    private final Map<UndertowCall, Thread> running = new HashMap<>();
    private volatile boolean stopping;

    Dispatcher(
            HttpSettings settings,
            Map<String, Protocol> protocols,
            Supplier<Map<String, Object>> health) {
        this.settings = settings;
        this.cors = new Cors(settings.corsOrigins());
        this.server = new Mount("server", new ServerRoutes(() -> stopping, health));
        Map<String, Protocol> all = new LinkedHashMap<>();
        all.put(server.name(), server.protocol());
        all.putAll(protocols);
        this.router = new Router(all);
    }

    /** From now on new requests get 503; those that run go on. */
    void refuse() {
        stopping = true;
    }

    int running() {
        synchronized (running) {
            return running.size();
        }
    }

    /** Waits until no request runs; interrupts those that are left after {@code grace}. */
    void awaitEnd(Duration grace) {
        if (awaitNone(grace)) {
            return;
        }
        synchronized (running) {
            LOG.warn("{} requests did not end within {} s", running.size(), grace.toSeconds());
            running.values().forEach(Thread::interrupt);
        }
        if (!awaitNone(AFTER_INTERRUPT)) {
            LOG.warn("cutting off {} requests", running());
        }
    }

    private boolean awaitNone(Duration limit) {
        long end = System.nanoTime() + limit.toNanos();
        synchronized (running) {
            while (!running.isEmpty()) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                try {
                    running.wait(left / 1_000_000, (int) (left % 1_000_000));
                } catch (InterruptedException hurry) {
                    Thread.currentThread().interrupt();
                    return false;
                }
            }
            return true;
        }
    }

    /** Answers a request, on the thread that is its own. */
    void serve(HttpServerExchange exchange) {
        long start = System.nanoTime();
        UndertowCall call = new UndertowCall(exchange, settings);
        synchronized (running) {
            running.put(call, Thread.currentThread());
        }
        try {
            if (stopping) {
                exchange.setPersistent(false);
            }
            cors.allow(exchange);
            answer(exchange, call);
        } finally {
            call.finish();
            synchronized (running) {
                running.remove(call);
                running.notifyAll();
            }
            requestLog.write(call, exchange, System.nanoTime() - start);
        }
    }

    private void answer(HttpServerExchange exchange, UndertowCall call) {
        Mount mount = server;
        try {
            List<String> segments = segments(call);
            Mount near = router.closest(segments);
            mount = near == null ? server : near;
            if (call.method().equals("OPTIONS")) {
                options(exchange, call, segments);
                return;
            }
            Match match = router.find(call.method(), segments);
            if (match == null) {
                throw unmatched(call, segments);
            }
            mount = match.mount();
            if (stopping && !mount.equals(server)) {
                throw new HttpError(503, "stopping", "the server is stopping", null);
            }
            call.routed("/" + String.join("/", segments), match.parameters());
            match.route().handler().handle(call);
            if (!call.isAnswered()) {
                throw new IllegalStateException("the handler of the route has not answered");
            }
        } catch (IOException gone) {
            // The client has gone, or the server cuts it off: nobody is there to answer.
            LOG.debug("{} {}: {}", call.method(), call.path(), gone.getMessage());
        } catch (HttpError | InferenceException refused) {
            fail(call, mount, HttpError.of(refused));
        } catch (InterruptedException cutOff) {
            // Not interrupted again: this thread ends here, and writing on an interrupted thread
            // would close the connection before the error is sent.
            fail(call, mount, HttpError.of(cutOff));
        } catch (RuntimeException | Error defect) {
            LOG.error("{} {} failed", call.method(), call.path(), defect);
            fail(call, mount, HttpError.of(defect));
        }
    }

    private static List<String> segments(UndertowCall call) {
        try {
            return Router.segments(call.path()).stream().map(PercentCode::decodeSegment).toList();
        } catch (IllegalArgumentException malformed) {
            throw HttpError.badRequest("the path '%s' is not valid".formatted(call.path()), null);
        }
    }

    private void options(HttpServerExchange exchange, UndertowCall call, List<String> segments)
            throws IOException {
        Set<String> methods = router.methods(segments);
        if (methods.isEmpty()) {
            throw unmatched(call, segments);
        }
        methods.add("OPTIONS");
        call.setHeader("Allow", String.join(", ", methods));
        cors.preflight(exchange, methods);
        call.respond(204, "", new byte[0]);
    }

    private HttpError unmatched(UndertowCall call, List<String> segments) {
        Set<String> methods = router.methods(segments);
        if (methods.isEmpty()) {
            return new HttpError(404, "not_found", "there is no %s".formatted(call.path()), null);
        }
        methods.add("OPTIONS");
        String allowed = String.join(", ", methods);
        call.setHeader("Allow", allowed);
        return new HttpError(
                405,
                "method_not_allowed",
                "%s does not take %s, it takes %s".formatted(call.path(), call.method(), allowed),
                null);
    }

    /** Answers with an error; an answer that was begun already is cut off when the call ends. */
    private void fail(UndertowCall call, Mount mount, HttpError error) {
        if (call.isAnswered()) {
            call.note("error", error.code());
            return;
        }
        if (error.status() == 503) {
            call.setHeader("Retry-After", Long.toString(retryAfter(error).toSeconds()));
        }
        try {
            mount.protocol().writeError(call, error);
        } catch (IOException gone) {
            LOG.debug("{} {}: {}", call.method(), call.path(), gone.getMessage());
        } catch (RuntimeException defect) {
            LOG.error("the protocol '{}' cannot write an error", mount.name(), defect);
        }
    }

    private static Duration retryAfter(HttpError error) {
        Duration known =
                error.getCause() instanceof InferenceException failure
                        ? failure.retryAfter()
                        : null;
        return known == null || known.compareTo(LEAST_RETRY) < 0 ? LEAST_RETRY : known;
    }
}
