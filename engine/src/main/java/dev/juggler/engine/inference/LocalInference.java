package dev.juggler.engine.inference;

import com.typesafe.config.Config;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.sampling.TokenSampler;
import dev.juggler.engine.scheduler.Sequence;
import dev.juggler.engine.scheduler.SequenceOptions;
import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.LoadedModel;
import dev.juggler.inference.ModelCard;
import dev.juggler.inference.Prompt;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine in this process: the models of a configuration on open devices. Models are loaded when
 * they are first used. Closing it cancels what runs and unloads all; the devices stay open.
 */
public final class LocalInference implements Inference, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LocalInference.class);
    private static final int MOST_LOGPROBS = 100;

    /** A file's tokenizer and template, as good as the file is old. */
    private record Encoding(Instant modified, PromptEncoder encoder) {}

    private final Map<String, ModelSlot> slots = new LinkedHashMap<>();
    private final Map<String, Encoding> encoders = new ConcurrentHashMap<>();
    private final ModelCards cards = new ModelCards();
    private final ModelLoader loader;
    private final DeviceLocks locks = new DeviceLocks();
    private final Devices devices;
    private final LoadProgress progress;
    private final String fallback;
    private final ScheduledExecutorService timer =
            Executors.newSingleThreadScheduledExecutor(
                    Thread.ofPlatform().daemon().name("juggler-keep-alive").factory());
    private volatile boolean stopping;

    /**
     * Reads the configuration; nothing is loaded yet.
     *
     * @param config keys begin with {@code juggler}, see reference.conf; {@code
     *     juggler.server.fallback-model}, if there is one, answers for names that are unknown
     * @param devices stay the caller's
     * @throws InferenceException of kind INVALID_REQUEST naming a key that is wrong
     */
    public LocalInference(Config config, Devices devices) {
        this(config, devices, LoadProgress.NONE, ModelLoader.builtIn());
    }

    /**
     * Reads the configuration, like the other constructor.
     *
     * @param progress of models whose files must be read from the disk
     * @param loader loads them; its policies can be named in the configuration
     */
    public LocalInference(
            Config config, Devices devices, LoadProgress progress, ModelLoader loader) {
        this.loader = loader;
        this.devices = devices;
        this.progress = progress;
        for (ModelSettings settings : ModelSettings.all(config, loader.policies())) {
            slots.put(settings.name(), new ModelSlot(settings, () -> loadModel(settings), timer));
        }
        String key = "juggler.server.fallback-model";
        fallback = config.hasPath(key) ? config.getString(key) : "";
        if (!fallback.isEmpty() && !slots.containsKey(fallback)) {
            throw new InferenceException(
                    Kind.INVALID_REQUEST,
                    "%s = %s, but configured are %s".formatted(key, fallback, slots.keySet()));
        }
    }

    @Override
    public List<ModelCard> models() {
        List<ModelCard> usable = new ArrayList<>();
        for (ModelSlot slot : slots.values()) {
            try {
                usable.add(cards.card(slot.settings()));
            } catch (InferenceException e) { // one bad file must not hide the other models
                LOG.warn("left out of the list of models: {}", e.getMessage());
            }
        }
        return usable;
    }

    @Override
    public ModelCard model(String name) {
        return cards.card(slot(name).settings());
    }

    @Override
    public List<LoadedModel> loaded() {
        List<LoadedModel> loaded = new ArrayList<>();
        for (ModelSlot slot : slots.values()) {
            ServedModel model = slot.loaded();
            if (model != null) {
                loaded.add(describe(slot, model));
            }
        }
        return loaded;
    }

    /**
     * How well the caches of experts of loaded models work, by model; without those that have none.
     */
    public Map<String, CacheCounts.Counted> expertCaches() {
        Map<String, CacheCounts.Counted> caches = new LinkedHashMap<>();
        slots.forEach((name, slot) -> {
            ServedModel model = slot.loaded();
            CacheCounts counts = model == null ? null : model.cacheCounts();
            if (counts != null) {
                caches.put(name, counts.now());
            }
        });
        return caches;
    }

    @Override
    public LoadedModel load(String name, @Nullable Duration keepAlive) {
        ModelSlot slot = slot(name);
        requireOpen();
        try (ModelSlot.Lease lease = slot.use(keepAlive)) {
            return describe(slot, lease.model());
        }
    }

    @Override
    public void unload(String name) {
        slot(name).unload();
    }

    @Override
    public List<Integer> tokenize(String model, Prompt prompt) {
        return IntStream.of(encoder(slot(model).settings()).encode(prompt).ids()).boxed().toList();
    }

    @Override
    public Generation submit(GenerationRequest request) {
        long submitted = System.nanoTime();
        ModelSlot slot = slot(request.model());
        requireOpen();
        ModelSlot.Lease lease = slot.use(request.keepAlive());
        boolean handedOver = false;
        try {
            Answer answer = Answer.to(request, encoder(slot.settings())); // beside the loading
            long beforeLoad = System.nanoTime();
            ServedModel model = lease.model();
            Duration load = Duration.ofNanos(System.nanoTime() - beforeLoad);
            SequenceOptions options = options(request, answer, model);
            Sequence sequence = model.scheduler().submit(answer.promptIds(), options);
            Generation generation =
                    new LocalGeneration(lease, sequence, answer, new RequestClock(submitted, load));
            handedOver = true;
            return generation;
        } finally {
            if (!handedOver) {
                lease.close();
            }
        }
    }

    /**
     * Stops taking requests and lets those that run or wait finish; what is left after {@code
     * limit} is cancelled. Then all models are unloaded.
     */
    public void drain(Duration limit) throws InterruptedException {
        stopping = true;
        long end = System.nanoTime() + limit.toNanos();
        List<ServedModel> models = new ArrayList<>();
        for (ModelSlot slot : slots.values()) {
            ServedModel model = slot.loaded();
            if (model != null) {
                model.scheduler().stopAdmitting();
                models.add(model);
            }
        }
        for (ServedModel model : models) {
            model.scheduler().awaitIdle(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
        }
        close();
    }

    @Override
    public void close() {
        stopping = true;
        timer.shutdownNow();
        slots.values().forEach(ModelSlot::close);
    }

    private ModelSlot slot(String name) {
        ModelSlot slot = slots.get(name);
        if (slot == null) {
            slot = slots.get(fallback);
        }
        if (slot == null) {
            throw new InferenceException(
                    Kind.UNKNOWN_MODEL,
                    "model \"%s\" is not configured; configured are %s"
                            .formatted(name, String.join(", ", slots.keySet())),
                    "model");
        }
        return slot;
    }

    private PromptEncoder encoder(ModelSettings settings) {
        Instant modified = ModelCards.modified(settings);
        return encoders.compute(
                        settings.name(),
                        (name, known) ->
                                known != null && known.modified.equals(modified)
                                        ? known
                                        : new Encoding(modified, PromptEncoder.open(settings)))
                .encoder();
    }

    /** Loads a model, unloading idle ones, the longest unused first, as long as it does not fit. */
    private ServedModel loadModel(ModelSettings settings) {
        while (true) {
            try {
                return ServedModel.load(
                        settings, () -> encoder(settings), loader, devices, locks, progress);
            } catch (ServedModel.DoesNotFitException | OutOfDeviceMemoryException e) {
                if (!unloadLongestUnused()) {
                    throw e;
                }
            } catch (DeviceFailedException e) { // the next attempt is on what is left
                if (!devices.quarantine(e)) {
                    throw e;
                }
            }
        }
    }

    private boolean unloadLongestUnused() {
        return slots.values().stream()
                .sorted(Comparator.comparingLong(ModelSlot::lastUse))
                .anyMatch(ModelSlot::unloadIfIdle);
    }

    private static SequenceOptions options(
            GenerationRequest request, Answer answer, ServedModel model) {
        Integer top = request.topLogprobs();
        if (top != null && (top < 0 || top > Math.min(MOST_LOGPROBS, model.vocabularySize()))) {
            throw new InferenceException(
                    Kind.INVALID_REQUEST,
                    "top_logprobs is %d, it must be 0 to %d"
                            .formatted(top, Math.min(MOST_LOGPROBS, model.vocabularySize())),
                    "top_logprobs");
        }
        TokenSampler sampler = new TokenSampler(request.sampling(), model.vocabularySize());
        return new SequenceOptions(request.maxTokens(), sampler, answer::isEnd, top);
    }

    private LoadedModel describe(ModelSlot slot, ServedModel model) {
        ModelCard card = cards.card(slot.settings());
        return new LoadedModel(
                card,
                model.bytesByDevice(),
                card.context(),
                slot.expires(),
                model.loadTime(),
                model.scheduler().running(),
                model.scheduler().queued());
    }

    private void requireOpen() {
        if (stopping) {
            throw InferenceException.overloaded("the engine is stopping", Duration.ofSeconds(5));
        }
    }
}
