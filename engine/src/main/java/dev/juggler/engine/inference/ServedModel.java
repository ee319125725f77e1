package dev.juggler.engine.inference;

import dev.juggler.engine.cache.PagePools;
import dev.juggler.engine.cache.PagedKvCache;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.MeasuredHardware;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.Plan;
import dev.juggler.engine.profile.Profile;
import dev.juggler.engine.profile.ProfiledKernels;
import dev.juggler.engine.scheduler.EngineLoop;
import dev.juggler.engine.scheduler.Scheduler;
import dev.juggler.engine.scheduler.SchedulerLimits;
import dev.juggler.kernel.BackendException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model in memory that answers: its file, weights, cache, scheduler and engine thread. Closing it
 * stops the thread after its present step and frees everything.
 */
final class ServedModel implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServedModel.class);

    /** How far a consumer may be behind before its sequence is parked. */
    private static final int EVENTS = 256;

    /** A model does not fit the memory that is free now; the message has the arithmetic. */
    static final class DoesNotFitException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private DoesNotFitException(String message) {
            super(message);
        }
    }

    private final String name;
    private final Scheduler scheduler;
    private final Thread thread;
    private final Map<String, Long> bytesByDevice;
    private final int vocabularySize;
    private final Duration loadTime;
    private final Deque<Runnable> closers;
    private final BooleanSupplier devicesUsable;
    private final @Nullable CacheCounts cacheCounts;

    private ServedModel(
            String name, Scheduler scheduler, Thread thread, Loading loading, Duration loadTime) {
        this.name = name;
        this.scheduler = scheduler;
        this.thread = thread;
        this.bytesByDevice = loading.bytesByDevice();
        this.vocabularySize = loading.outline.description().vocabularySize();
        this.loadTime = loadTime;
        this.closers = loading.closers;
        this.cacheCounts = loading.cacheCounts;
        Set<String> used = bytesByDevice.keySet();
        devicesUsable = () -> loading.devices.names().containsAll(used);
    }

    /**
     * Loads a model and starts its engine thread.
     *
     * @param encoder opens that of the same file, which happens beside the loading: a model that
     *     cannot read prompts is not loaded
     * @throws RuntimeException if that is not possible; everything is freed then
     */
    static ServedModel load(
            ModelSettings settings,
            Supplier<PromptEncoder> encoder,
            ModelLoader loader,
            Devices devices,
            DeviceLocks locks,
            LoadProgress progress) {
        long start = System.nanoTime();
        Loading loading = new Loading(settings, loader, devices);
        try {
            loading.file = settings.fileMemory().settle(loading.file, settings.name(), progress);
            Scheduler scheduler = loading.scheduler();
            EngineLoop loop = loading.loop(scheduler, locks);
            PromptEncoder.requireFit(
                    encoder.get().tokenizer(), loading.outline.description().vocabularySize());
            Thread thread =
                    Thread.ofPlatform()
                            .daemon()
                            .name("juggler-engine-" + settings.name())
                            .unstarted(loop);
            thread.start();
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            ServedModel served = new ServedModel(settings.name(), scheduler, thread, loading, took);
            LOG.info(
                    "loaded model {} in {} ms: {}",
                    settings.name(),
                    took.toMillis(),
                    served.bytesByDevice);
            return served;
        } catch (RuntimeException | Error e) {
            loading.close();
            throw e;
        }
    }

    /** What has been opened so far, to be closed in reverse. */
    private static final class Loading {
        final ModelOutline outline;
        final Plan plan;
        final Devices devices;
        final ModelLoader loader;
        GgufFile file;
        @Nullable CacheCounts cacheCounts;
        final Deque<Runnable> closers = new ArrayDeque<>();

        Loading(ModelSettings configured, ModelLoader loader, Devices devices) {
            this.loader = loader;
            this.devices = devices;
            Set<String> failed = devices.quarantined().keySet();
            ModelSettings settings =
                    configured.withPlacement(configured.placement().without(failed));
            file = GgufFile.open(settings.path());
            closers.push(() -> file.close());
            try {
                outline =
                        ModelOutline.of(
                                settings, file, loader, MeasuredHardware.forLoading(devices));
                plan = outline.plan();
                plan.warnings().forEach(warning -> LOG.warn("{}", warning));
                if (!plan.fits()) {
                    throw new DoesNotFitException(FitAdvice.plan(outline).advice());
                }
            } catch (RuntimeException | Error e) {
                close();
                throw e;
            }
        }

        Scheduler scheduler() {
            ModelSettings settings = outline.settings();
            SchedulerLimits limits =
                    new SchedulerLimits(
                            outline.context(),
                            settings.parallel(),
                            outline.rows(),
                            settings.queue(),
                            EVENTS,
                            settings.stallTimeout());
            return new Scheduler(settings.name(), limits, new PagePools(outline.cache()));
        }

        EngineLoop loop(Scheduler scheduler, DeviceLocks locks) {
            PlacedModel placed = loader.load(file, outline.placement(), devices);
            closers.push(placed::close);
            cacheCounts = placed.cacheCounts();
            PagedKvCache cache = PagedKvCache.allocate(outline.cache(), placed::kvBackend);
            closers.push(cache::close);
            return new EngineLoop(
                    scheduler,
                    placed.model(),
                    cache,
                    placed.allocateWorkspace(outline.rows(), outline.settings().parallel()),
                    ProfiledKernels.isRecording()
                            ? placed.profiled(new Profile())
                            : placed.kernels(),
                    locks.of(placed.devices()),
                    devices::quarantine);
        }

        Map<String, Long> bytesByDevice() {
            Map<String, Long> bytes = new TreeMap<>();
            for (Plan.Ledger ledger : plan.devices()) {
                if (ledger.needed() > 0) {
                    bytes.put(ledger.device(), ledger.needed());
                }
            }
            return Collections.unmodifiableMap(bytes);
        }

        void close() {
            closeAll(closers);
        }
    }

    /** A device that has failed may refuse to free what was on it. */
    private static void closeAll(Deque<Runnable> closers) {
        while (!closers.isEmpty()) {
            try {
                closers.pop().run();
            } catch (BackendException e) {
                LOG.warn("not all memory is freed: {}", e.getMessage());
            }
        }
    }

    /** Whether it takes requests, and no device that it is on has failed. */
    boolean isUsable() {
        return scheduler.isAdmitting() && devicesUsable.getAsBoolean();
    }

    /** Its name in the configuration. */
    String name() {
        return name;
    }

    Scheduler scheduler() {
        return scheduler;
    }

    /** Weights, cache and workspace. */
    Map<String, Long> bytesByDevice() {
        return bytesByDevice;
    }

    /** How well experts that come and go are chosen, or null if all stay where they are. */
    @Nullable CacheCounts cacheCounts() {
        return cacheCounts;
    }

    /** Width of a row of logits. */
    int vocabularySize() {
        return vocabularySize;
    }

    Duration loadTime() {
        return loadTime;
    }

    @Override
    public void close() {
        scheduler.close();
        boolean interrupted = false;
        while (thread.isAlive()) { // its memory must not be freed under it
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        closeAll(closers);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        LOG.info("unloaded model {}", name);
    }
}
