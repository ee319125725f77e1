package dev.juggler.launcher.http;

import io.undertow.server.HttpServerExchange;
import java.net.InetSocketAddress;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One line a request: {@code POST /v1/chat/completions 200 812 ms 127.0.0.1 model=demo tokens=40}.
 */
final class RequestLog {
    private static final Logger LOG = LoggerFactory.getLogger(RequestLog.class);

    void write(UndertowCall call, HttpServerExchange exchange, long nanoseconds) {
        if (!LOG.isInfoEnabled()) {
            return;
        }
        InetSocketAddress client = exchange.getSourceAddress();
        StringBuilder line =
                new StringBuilder()
                        .append(call.method())
                        .append(' ')
                        .append(printable(call.path()))
                        .append(' ')
                        .append(call.status())
                        .append(' ')
                        .append(nanoseconds / 1_000_000)
                        .append(" ms ")
                        .append(client == null ? "-" : client.getHostString());
        for (Map.Entry<String, Object> note : call.notes().entrySet()) {
            line.append(' ')
                    .append(note.getKey())
                    .append('=')
                    .append(printable(String.valueOf(note.getValue())));
        }
        LOG.info("{}", line);
    }

    /** A client must not be able to write lines of its own into the log. */
    private static String printable(String text) {
        StringBuilder safe = new StringBuilder(text.length());
        text.codePoints()
                .map(c -> Character.isISOControl(c) ? '?' : c)
                .forEach(safe::appendCodePoint);
        return safe.toString();
    }
}
