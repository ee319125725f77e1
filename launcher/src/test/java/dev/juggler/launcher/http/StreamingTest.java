package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.GenerationEvent.Started;
import dev.juggler.inference.GenerationEvent.Text;
import dev.juggler.launcher.http.ScriptedInference.Act;
import dev.juggler.launcher.http.ScriptedInference.ScriptedGeneration;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What happens between the server and clients that are slow, go away, or are there at its end. */
@Timeout(60)
class StreamingTest {
    private static final Duration SOON = Duration.ofSeconds(5);

    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static String body(boolean stream) {
        return "{\"model\":\"demo\",\"prompt\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
                + "\"stream\":"
                + stream
                + "}";
    }

    private ScriptedGeneration awaitGeneration(int told) throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (System.nanoTime() < end) {
            if (!server.inference.generations.isEmpty()
                    && server.inference.generations.getFirst().told() >= told) {
                return server.inference.generations.getFirst();
            }
            Thread.sleep(2);
        }
        throw new AssertionError("no generation has told " + told + " events");
    }

    private void awaitNoneRunning() throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (server.server.running() > 0 && System.nanoTime() < end) {
            Thread.sleep(2);
        }
        assertEquals(0, server.server.running());
    }

    @ParameterizedTest
    @CsvSource({"/v1/chat/completions", "/v1/completions", "/api/generate", "/api/chat"})
    void sendsEachPieceAtOnce(String path) throws Exception {
        CountDownLatch more = new CountDownLatch(1);
        List<Act> acts = new ArrayList<>(ScriptedInference.says("first", "second"));
        Act second = acts.get(2);
        acts.set(
                2,
                generation -> {
                    more.await();
                    return second.perform(generation);
                });
        server.inference.script = request -> acts;
        try (RawClient client = new RawClient(server)) {
            client.post(path, body(true));
            assertEquals(200, client.head().status());
            // The second piece is not told before the first has arrived here.
            assertTrue(client.chunk().contains("first"));
            more.countDown();
            assertTrue(client.chunk().contains("second"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "/v1/chat/completions, true",
        "/v1/chat/completions, false",
        "/v1/completions, true",
        "/api/generate, true",
        "/api/generate, false",
        "/api/chat, true",
        "/api/chat, false"
    })
    void endsTheGenerationOfAClientThatGoesAway(String path, boolean stream) throws Exception {
        server.inference.script = request -> ScriptedInference.hangsAfter("a", "b");
        try (RawClient client = new RawClient(server)) {
            client.post(path, body(stream));
            ScriptedGeneration generation = awaitGeneration(4);
            assertFalse(generation.closedWithin(Duration.ofMillis(100)), "closed too early");
            client.hangUp();
            assertTrue(generation.closedWithin(SOON), "still open");
        }
        awaitNoneRunning();
    }

    @Test
    void noticesAClientThatGoesAwayBeforeTheFirstEvent() throws Exception {
        server.inference.script = request -> List.of(generation -> generation.awaitClose());
        try (RawClient client = new RawClient(server)) {
            client.post("/v1/chat/completions", body(true));
            ScriptedGeneration generation = awaitGeneration(1);
            client.hangUp();
            assertTrue(generation.closedWithin(SOON), "still open");
        }
        awaitNoneRunning();
    }

    @Test
    void noticesAResetWhileStreaming() throws Exception {
        server.inference.script =
                request -> Collections.nCopies(1_000_000, StreamingTest::slowPiece);
        try (RawClient client = new RawClient(server)) {
            client.post("/api/generate", body(true));
            client.head();
            client.chunk();
            client.socket.setSoLinger(true, 0);
            client.hangUp();
            assertTrue(awaitGeneration(1).closedWithin(SOON), "still open");
        }
        awaitNoneRunning();
    }

    private static Text slowPiece(ScriptedGeneration generation) throws InterruptedException {
        Thread.sleep(1);
        return new Text("piece ", List.of());
    }

    @Test
    void parksASlowClientAndNobodyElse() throws Exception {
        String piece = "x".repeat(10_000);
        List<Act> acts = new ArrayList<>();
        acts.add(generation -> new Started(List.of(1)));
        acts.addAll(Collections.nCopies(10_000, generation -> new Text(piece, List.of())));
        server.inference.script = request -> acts;
        try (RawClient slow = new RawClient(server)) {
            slow.post("/api/generate", body(true));
            assertEquals(200, slow.head().status());
            ScriptedGeneration generation = awaitGeneration(10);
            int before;
            do {
                before = generation.told();
                Thread.sleep(300);
            } while (generation.told() > before);
            // The network's buffers are full: 100 MB do not fit them.
            assertTrue(before < 5_000, before + " events told to a client that reads nothing");
            server.inference.script = request -> ScriptedInference.says("quick");
            for (int i = 0; i < 20; i++) {
                assertTrue(server.post("/api/generate", body(true)).body().contains("quick"));
            }
            assertEquals(before, generation.told());
            for (int i = 0; i < 2_000; i++) {
                assertTrue(slow.chunk().contains(piece));
            }
            assertTrue(generation.told() > before, "it goes on when the client reads again");
        }
        awaitNoneRunning();
    }

    @Test
    void givesUpOnAClientThatTakesNothing() throws Exception {
        try (TestServer impatient =
                        new TestServer(
                                HttpSettings.DEFAULTS.withTimeouts(
                                        Duration.ofSeconds(5), Duration.ofMillis(500)),
                                Map.of());
                RawClient client = new RawClient(impatient)) {
            String piece = "x".repeat(100_000);
            impatient.inference.script =
                    request ->
                            Collections.nCopies(10_000, generation -> new Text(piece, List.of()));
            client.post("/api/generate", body(true));
            client.head();
            long end = System.nanoTime() + SOON.toNanos();
            while (impatient.inference.generations.isEmpty() && System.nanoTime() < end) {
                Thread.sleep(2);
            }
            assertTrue(impatient.inference.generations.getFirst().closedWithin(SOON));
        }
    }

    @Test
    void letsRunningStreamsEndWhenItStops() throws Exception {
        CountDownLatch more = new CountDownLatch(1);
        List<Act> acts = new ArrayList<>(ScriptedInference.says("first", "second"));
        Act second = acts.get(2);
        acts.set(
                2,
                generation -> {
                    more.await();
                    return second.perform(generation);
                });
        server.inference.script = request -> acts;
        try (RawClient client = new RawClient(server);
                RawClient idle = new RawClient(server)) {
            idle.send("GET /health HTTP/1.1\nHost: x\n\n");
            assertEquals(200, idle.answer().status());
            client.post("/v1/chat/completions", body(true));
            client.head();
            client.chunk();
            int port = server.port();
            Thread stopping =
                    Thread.ofVirtual().start(() -> server.server.stop(Duration.ofSeconds(20)));
            awaitRefusal(port);
            idle.post("/api/generate", body(true));
            RawClient.Answer refused = idle.answer();
            assertEquals(503, refused.status());
            assertEquals("1", refused.headers().get("retry-after"));
            assertEquals("close", refused.headers().get("connection"));
            more.countDown();
            StringBuilder rest = new StringBuilder();
            for (String piece = client.chunk(); !piece.isEmpty(); piece = client.chunk()) {
                rest.append(piece);
            }
            assertTrue(rest.toString().contains("second"));
            assertTrue(rest.toString().endsWith("data: [DONE]\n\n"));
            stopping.join();
        }
    }

    private static void awaitRefusal(int port) throws InterruptedException {
        for (int i = 0; i < 500; i++) {
            try (Socket probe = new Socket(InetAddress.getLoopbackAddress(), port)) {
                probe.setSoTimeout(10);
                Thread.sleep(10);
            } catch (ConnectException refused) {
                return;
            } catch (IOException other) {
                Thread.sleep(10);
            }
        }
        throw new AssertionError("the server accepts connections while it stops");
    }

    @Test
    void cutsOffWithAnErrorWhatDoesNotEndInTime() throws Exception {
        server.inference.script = request -> ScriptedInference.hangsAfter("a");
        try (RawClient openai = new RawClient(server);
                RawClient ollama = new RawClient(server);
                RawClient waiting = new RawClient(server)) {
            openai.post("/v1/chat/completions", body(true));
            openai.head();
            openai.chunk();
            ollama.post("/api/generate", body(true));
            ollama.head();
            ollama.chunk();
            waiting.post("/api/chat", body(false));
            while (server.inference.generations.size() < 3) {
                Thread.sleep(2);
            }
            server.server.stop(Duration.ofMillis(200));
            assertTrue(openai.chunk().startsWith("data:{\"error\":{"));
            assertTrue(ollama.chunk().startsWith("{\"error\":\"the server is stopping"));
            assertEquals(503, waiting.answer().status());
            for (ScriptedGeneration generation : server.inference.generations) {
                assertTrue(generation.closedWithin(SOON));
            }
        }
        assertThrows(IllegalStateException.class, server::port);
    }

    @ParameterizedTest
    @CsvSource({
        "/v1/chat/completions, 'data:{\"error\":{\"message\":\"internal error'",
        "/v1/completions, 'data:{\"error\":{\"message\":\"internal error'",
        "/api/generate, '{\"error\":\"internal error'",
        "/api/chat, '{\"error\":\"internal error'"
    })
    void tellsOfADefectInTheMiddle(String path, String frame) throws Exception {
        List<Act> acts = new ArrayList<>(ScriptedInference.says("begun", "never"));
        acts.set(
                2,
                generation -> {
                    throw new IllegalStateException("a defect of the test");
                });
        server.inference.script = request -> acts;
        String body = server.post(path, body(true)).body();
        assertTrue(body.contains("begun"), body);
        assertTrue(body.contains(frame), body);
        assertFalse(body.contains("a defect of the test"), body);
        assertFalse(body.contains("[DONE]"), body);
    }
}
