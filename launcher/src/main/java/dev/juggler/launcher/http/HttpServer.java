package dev.juggler.launcher.http;

import dev.juggler.protocol.Protocol;
import io.undertow.UndertowOptions;
import io.undertow.server.DefaultByteBufferPool;
import io.undertow.server.HttpServerExchange;
import io.undertow.server.handlers.HttpContinueReadHandler;
import io.undertow.server.protocol.http.HttpOpenListener;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xnio.ChannelListeners;
import org.xnio.IoUtils;
import org.xnio.OptionMap;
import org.xnio.Options;
import org.xnio.StreamConnection;
import org.xnio.Xnio;
import org.xnio.XnioWorker;
import org.xnio.channels.AcceptingChannel;

/**
 * Serves protocols over HTTP/1.1. Requests for {@code Upgrade: h2c} are answered in HTTP/1.1, as
 * RFC 9110 section 7.8 allows; that is what makes the JDK's HttpClient work as it comes.
 */
public final class HttpServer implements AutoCloseable {
    /** They parse and dispatch only, so two serve thousands of connections. */
    private static final int IO_THREADS = 2;

    private static final int BUFFER_BYTES = 16 << 10;
    private static final Duration DEFAULT_GRACE = Duration.ofSeconds(30);

    private final HttpSettings settings;
    private final Dispatcher dispatcher;
    private final DefaultByteBufferPool buffers;
    private final HttpOpenListener listener;
    private final ExecutorService threads;
    private @Nullable XnioWorker worker;
    private volatile @Nullable AcceptingChannel<? extends StreamConnection> acceptor;

    /**
     * @param protocols by the name that messages use
     * @param health further members of {@code GET /health}: maps, lists, text, numbers, booleans
     * @throws IllegalArgumentException if two protocols claim the same route, naming both
     */
    public HttpServer(
            HttpSettings settings,
            Map<String, Protocol> protocols,
            Supplier<Map<String, Object>> health) {
        this.settings = settings;
        this.dispatcher = new Dispatcher(settings, protocols, health);
        // No cache of buffers per thread: each request has a thread of its own.
        this.buffers = new DefaultByteBufferPool(true, BUFFER_BYTES, 1024, 0);
        this.threads =
                Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("http-", 0).factory());
        this.listener =
                new HttpOpenListener(
                        buffers,
                        OptionMap.builder()
                                // Our own limit answers 413 in the shape of the protocol.
                                .set(UndertowOptions.MAX_ENTITY_SIZE, -1L)
                                // Each answer goes out at once, also to a client that pipelines.
                                .set(UndertowOptions.BUFFER_PIPELINED_DATA, false)
                                // Segments are decoded after the path is split at its slashes.
                                .set(UndertowOptions.DECODE_URL, false)
                                .set(
                                        UndertowOptions.REQUEST_PARSE_TIMEOUT,
                                        (int) settings.readTimeout().toMillis())
                                .set(UndertowOptions.NO_REQUEST_TIMEOUT, 75_000)
                                .getMap());
        listener.setRootHandler(new HttpContinueReadHandler(this::dispatch));
    }

    private void dispatch(HttpServerExchange exchange) {
        // A Runnable, not a handler: inside a handler Undertow puts off resuming the channels until
        // the handler returns, and this one waits for them.
        Runnable task = () -> dispatcher.serve(exchange);
        exchange.dispatch(threads, task);
    }

    /**
     * Starts listening.
     *
     * @throws IOException if the address cannot be bound, with the remedy
     */
    public synchronized void start() throws IOException {
        if (worker != null) {
            throw new IllegalStateException("the server was started already");
        }
        XnioWorker created =
                Xnio.getInstance(HttpServer.class.getClassLoader())
                        .createWorker(
                                OptionMap.builder()
                                        .set(Options.WORKER_NAME, "http")
                                        .set(Options.WORKER_IO_THREADS, IO_THREADS)
                                        .set(Options.WORKER_TASK_CORE_THREADS, 1)
                                        .set(Options.WORKER_TASK_MAX_THREADS, 2)
                                        .getMap());
        try {
            acceptor = listen(created);
            worker = created;
        } catch (IOException unbound) {
            created.shutdownNow();
            throw unbound;
        }
    }

    private AcceptingChannel<? extends StreamConnection> listen(XnioWorker created)
            throws IOException {
        OptionMap options =
                OptionMap.builder()
                        .set(Options.TCP_NODELAY, true)
                        .set(Options.REUSE_ADDRESSES, true)
                        .set(Options.KEEP_ALIVE, true)
                        .set(Options.BACKLOG, 1000)
                        .getMap();
        String place = settings.host() + ":" + settings.port();
        try {
            InetSocketAddress wanted =
                    new InetSocketAddress(InetAddress.getByName(settings.host()), settings.port());
            AcceptingChannel<? extends StreamConnection> channel =
                    created.createStreamConnectionServer(
                            wanted, ChannelListeners.openListenerAdapter(listener), options);
            channel.resumeAccepts();
            return channel;
        } catch (UnknownHostException unknown) {
            throw new IOException(
                    "cannot listen on %s: no such host; give an address of this machine"
                            .formatted(place),
                    unknown);
        } catch (BindException refused) {
            throw new IOException(
                    "cannot listen on %s: %s; stop what uses it or choose another port or host"
                            .formatted(place, refused.getMessage()),
                    refused);
        }
    }

    /**
     * Where it listens.
     *
     * @throws IllegalStateException if it does not
     */
    public InetSocketAddress address() {
        AcceptingChannel<? extends StreamConnection> channel = acceptor;
        if (channel == null) {
            throw new IllegalStateException("the server is not listening");
        }
        return channel.getLocalAddress(InetSocketAddress.class);
    }

    /** Requests in progress. */
    public int running() {
        return dispatcher.running();
    }

    /**
     * Stops: accepts no more, lets answers that are under way end within {@code grace}, cuts off
     * the rest. Does nothing if it is not running.
     */
    public synchronized void stop(Duration grace) {
        XnioWorker running = worker;
        if (running == null) {
            return;
        }
        dispatcher.refuse();
        IoUtils.safeClose(acceptor);
        acceptor = null;
        dispatcher.awaitEnd(grace);
        listener.closeConnections();
        running.shutdownNow();
        worker = null;
        threads.shutdown();
        try {
            // The I/O threads use the buffers to their end.
            if (running.awaitTermination(2, TimeUnit.SECONDS)) {
                buffers.close();
            }
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    /** Stops with a grace of 30 s. */
    @Override
    public void close() {
        stop(DEFAULT_GRACE);
    }
}
