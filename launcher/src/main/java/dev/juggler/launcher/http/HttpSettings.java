package dev.juggler.launcher.http;

import java.time.Duration;
import java.util.List;

/**
 * How the server listens.
 *
 * @param host address to bind
 * @param port port to bind; 0: any free one
 * @param maxBodyBytes most bytes of a request's body; a larger one is answered with 413
 * @param corsOrigins origins whose pages may call the server, {@code *} for all; empty: CORS is off
 * @param readTimeout how long a client may stall while it sends a request
 * @param writeTimeout how long a client may take nothing of an answer before it counts as gone
 */
public record HttpSettings(
        String host,
        int port,
        long maxBodyBytes,
        List<String> corsOrigins,
        Duration readTimeout,
        Duration writeTimeout) {
    /** Loopback, port 9112, 16 MiB, no CORS. */
    public static final HttpSettings DEFAULTS =
            new HttpSettings(
                    "127.0.0.1",
                    9112,
                    16L << 20,
                    List.of(),
                    Duration.ofSeconds(30),
                    Duration.ofMinutes(10));

    public HttpSettings {
        corsOrigins = List.copyOf(corsOrigins);
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("port " + port + " must be 0 to 65535");
        }
        if (maxBodyBytes < 1 || maxBodyBytes > Integer.MAX_VALUE - 64) {
            throw new IllegalArgumentException(
                    "the request size limit is %d bytes, it must be 1 to 2 GiB"
                            .formatted(maxBodyBytes));
        }
    }

    public HttpSettings withPort(int other) {
        return new HttpSettings(host, other, maxBodyBytes, corsOrigins, readTimeout, writeTimeout);
    }

    public HttpSettings withMaxBodyBytes(long other) {
        return new HttpSettings(host, port, other, corsOrigins, readTimeout, writeTimeout);
    }

    public HttpSettings withCorsOrigins(List<String> other) {
        return new HttpSettings(host, port, maxBodyBytes, other, readTimeout, writeTimeout);
    }

    public HttpSettings withTimeouts(Duration read, Duration write) {
        return new HttpSettings(host, port, maxBodyBytes, corsOrigins, read, write);
    }
}
