package dev.juggler.launcher.http;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** HTTP/1.1 by hand over one socket, to see what goes over the wire. */
final class RawClient implements AutoCloseable {
    /** What came back. */
    record Answer(int status, Map<String, String> headers, String body) {}

    final Socket socket;
    private final InputStream in;

    RawClient(TestServer server) throws IOException {
        this.socket = server.connect();
        this.in = socket.getInputStream();
    }

    /** Sends text as it is, with CRLF for each line end. */
    void send(String text) throws IOException {
        sendBytes(text.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
    }

    void sendBytes(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
    }

    /** Sends a POST with a JSON body. */
    void post(String path, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        send(
                "POST %s HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: %d\n\n"
                        .formatted(path, bytes.length));
        sendBytes(bytes);
    }

    String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int c;
        while ((c = in.read()) != '\n') {
            if (c < 0) {
                throw new EOFException("after '" + line.toString(StandardCharsets.UTF_8) + "'");
            }
            line.write(c);
        }
        return line.toString(StandardCharsets.UTF_8).stripTrailing();
    }

    int read() throws IOException {
        return in.read();
    }

    /** Status and headers. */
    Answer head() throws IOException {
        int status = Integer.parseInt(line().split(" ", 3)[1]);
        Map<String, String> headers = new TreeMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            String[] parts = line.split(": ", 2);
            headers.put(parts[0].toLowerCase(Locale.ROOT), parts[1]);
        }
        return new Answer(status, headers, "");
    }

    /** A whole answer, by its length or in chunks. */
    Answer answer() throws IOException {
        Answer head = head();
        if ("chunked".equals(head.headers().get("transfer-encoding"))) {
            StringBuilder body = new StringBuilder();
            for (String piece = chunk(); !piece.isEmpty(); piece = chunk()) {
                body.append(piece);
            }
            return new Answer(head.status(), head.headers(), body.toString());
        }
        int length = Integer.parseInt(head.headers().getOrDefault("content-length", "0"));
        String body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
        return new Answer(head.status(), head.headers(), body);
    }

    /** One chunk; empty at the end. */
    String chunk() throws IOException {
        int length = Integer.parseInt(line(), 16);
        String piece = new String(in.readNBytes(length), StandardCharsets.UTF_8);
        line();
        return piece;
    }

    /** Goes away in the middle of things. */
    void hangUp() throws IOException {
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
