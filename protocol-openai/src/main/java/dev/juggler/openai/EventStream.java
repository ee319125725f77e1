package dev.juggler.openai;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpCall.BodyStream;
import dev.juggler.protocol.json.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.node.ObjectNode;

/**
 * Server-sent events (HTML standard, section 9.2) as OpenAI uses them. Several threads may write.
 */
final class EventStream implements AutoCloseable {
    private final BodyStream body;
    private final ReentrantLock lock = new ReentrantLock();

    private EventStream(BodyStream body) {
        this.body = body;
    }

    static EventStream open(HttpCall call) throws IOException {
        return new EventStream(call.stream(200, "text/event-stream"));
    }

    void data(ObjectNode data) throws IOException {
        write("data:" + Json.text(data) + "\n\n");
    }

    /** The end: the event that the API page shows, with the data that clients look for. */
    void done() throws IOException {
        write("event: done\ndata: [DONE]\n\n");
    }

    private void write(String frame) throws IOException {
        lock.lock();
        try {
            body.write(frame.getBytes(StandardCharsets.UTF_8));
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() throws IOException {
        body.close();
    }
}
