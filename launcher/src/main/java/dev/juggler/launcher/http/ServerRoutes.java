package dev.juggler.launcher.http;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.Route;
import dev.juggler.protocol.json.Json;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** What the server itself answers: {@code GET /health}, and paths that no protocol is near to. */
final class ServerRoutes implements Protocol {
    private final BooleanSupplier stopping;
    private final Supplier<Map<String, Object>> details;

    /**
     * @param details further members of the health report: maps, lists, text, numbers, booleans
     */
    ServerRoutes(BooleanSupplier stopping, Supplier<Map<String, Object>> details) {
        this.stopping = stopping;
        this.details = details;
    }

    @Override
    public List<Route> routes() {
        return List.of(new Route("GET", "/health", this::health));
    }

    private void health(HttpCall call) throws IOException {
        boolean healthy = !stopping.getAsBoolean();
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("status", healthy ? "ok" : "stopping");
        report.putAll(details.get());
        call.respond(healthy ? 200 : 503, "application/json", Json.bytes(Json.node(report)));
    }

    @Override
    public void writeError(HttpCall call, HttpError error) throws IOException {
        call.respond(
                error.status(),
                "application/json",
                Json.bytes(Json.object().put("error", error.text())));
    }
}
