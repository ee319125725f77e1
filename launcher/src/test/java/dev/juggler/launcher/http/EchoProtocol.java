package dev.juggler.launcher.http;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.Route;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Echoes bodies and paths, and fails on demand. */
final class EchoProtocol implements Protocol {
    @Override
    public List<Route> routes() {
        return List.of(
                new Route("POST", "/echo", EchoProtocol::echo),
                new Route("GET", "/echo/{a}/x/{rest*}", EchoProtocol::parameters),
                new Route("GET", "/echo/literal/x/y", call -> text(call, "literal")),
                new Route("GET", "/echo/query", EchoProtocol::query),
                new Route("GET", "/echo/silent", call -> {}),
                new Route("GET", "/echo/cut", EchoProtocol::cut),
                new Route(
                        "GET",
                        "/echo/defect",
                        call -> {
                            throw new IllegalArgumentException("a defect of the test");
                        }));
    }

    private static void echo(HttpCall call) throws IOException {
        call.respond(200, "application/octet-stream", call.body());
    }

    private static void parameters(HttpCall call) throws IOException {
        text(call, call.pathParameter("a") + "|" + call.pathParameter("rest") + "|" + call.path());
    }

    private static void query(HttpCall call) throws IOException {
        text(call, call.query("q").orElse("none"));
    }

    private static void cut(HttpCall call) throws IOException {
        call.stream(200, "text/plain").write("half".getBytes(StandardCharsets.UTF_8));
        throw new IllegalStateException("fails in the middle");
    }

    private static void text(HttpCall call, String text) throws IOException {
        call.respond(200, "text/plain", text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void writeError(HttpCall call, HttpError error) throws IOException {
        call.respond(
                error.status(),
                "text/plain",
                ("echo: " + error.text()).getBytes(StandardCharsets.UTF_8));
    }
}
