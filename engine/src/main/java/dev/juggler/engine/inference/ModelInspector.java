package dev.juggler.engine.inference;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.device.Examination;
import dev.juggler.engine.device.ModelDescription;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufMetadata;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.inference.ModelInspection.Cache;
import dev.juggler.engine.inference.ModelInspection.CacheLayers;
import dev.juggler.engine.inference.ModelInspection.Ignored;
import dev.juggler.engine.inference.ModelInspection.Parameters;
import dev.juggler.engine.inference.ModelInspection.RoleShare;
import dev.juggler.engine.inference.ModelInspection.TensorNote;
import dev.juggler.engine.inference.ModelInspection.TokenizerNote;
import dev.juggler.engine.inference.ModelInspection.TypeShare;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.model.ModelProblem;
import dev.juggler.engine.model.ModelProblem.Kind;
import dev.juggler.engine.placement.NumberRuns;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.engine.template.jinja.TemplateException;
import dev.juggler.engine.tokenizer.Tokenizer;
import dev.juggler.engine.tokenizer.TokenizerException;
import dev.juggler.engine.tokenizer.Tokenizers;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Looks at one file as loading would, and tells what it holds instead of stopping at the first
 * problem. What is supported is decided by the code that loads.
 */
public final class ModelInspector {
    private static final int CACHE_TOKENS = 1024;
    private static final String UNKNOWN = "unknown";
    private static final String IGNORED = "ignored";

    private final GgufFile file;
    private final ModelSettings settings;
    private final String architecture;
    private final Examination examined;
    private final List<ModelProblem> problems = new ArrayList<>();
    private final Map<String, WeightDescriptor> weights = new HashMap<>();

    private ModelInspector(GgufFile file, ModelSettings settings) {
        this.file = file;
        this.settings = settings;
        this.architecture = text("general.architecture");
        this.examined = ModelLoader.builtIn().examine(file);
        ModelDescription description = examined.description();
        if (description != null) {
            description.weights().forEach(weight -> weights.putIfAbsent(weight.name(), weight));
        }
    }

    /**
     * Inspects a file.
     *
     * @param file parts of a split one may be missing
     * @param settings say how keys and values are stored, and may have a chat template
     */
    public static ModelInspection inspect(GgufFile file, ModelSettings settings) {
        return new ModelInspector(file, settings).inspection();
    }

    private ModelInspection inspection() {
        boolean incomplete = !file.missing().isEmpty();
        if (incomplete) {
            problems.add(new ModelProblem(Kind.MISSING_PART, file.whatIsMissing()));
        }
        // What is not there does not count twice.
        boolean headless = incomplete && architecture.isEmpty();
        examined.problems().stream()
                .filter(problem ->
                        !headless && !(incomplete && problem.kind() == Kind.MISSING_TENSOR))
                .forEach(problems::add);
        TokenizerNote tokenizer = headless ? null : tokenizer();
        Cache cache = cache();
        int context = count(architecture + ".context_length");
        return new ModelInspection(
                architecture,
                text("general.name"),
                problems.isEmpty(),
                List.copyOf(problems),
                file.paths().stream().map(Path::toString).toList(),
                file.missing().stream().map(Path::toString).toList(),
                file.fileBytes(),
                file.version(),
                file.quantization(),
                context,
                parameters(),
                types(),
                roles(),
                ignored(),
                cache,
                tokenizer,
                file.tensors().stream().map(this::note).toList());
    }

    private Parameters parameters() {
        int experts = count(architecture + ".expert_count");
        int used = Math.min(experts, count(architecture + ".expert_used_count"));
        long active = 0;
        for (GgufTensor tensor : file.tensors()) {
            String role = role(tensor);
            boolean chosen = role.equals(Role.EXPERTS.toString()) && experts > 0;
            if (chosen) {
                active += tensor.elements() / experts * used;
            } else if (!role.equals(IGNORED)) {
                active += tensor.elements();
            }
        }
        return new Parameters(file.parameters(), active, experts, used);
    }

    private List<TypeShare> types() {
        Map<String, List<GgufTensor>> byType =
                file.tensors().stream().collect(Collectors.groupingBy(GgufTensor::typeName));
        List<TypeShare> types = new ArrayList<>();
        byType.forEach((type, tensors) ->
                types.add(
                        new TypeShare(
                                type,
                                tensors.size(),
                                elements(tensors),
                                bytes(tensors),
                                (double) bytes(tensors) / file.tensorBytes())));
        types.sort(
                Comparator.comparingLong(TypeShare::bytes)
                        .reversed()
                        .thenComparing(TypeShare::type));
        return types;
    }

    private List<RoleShare> roles() {
        Map<String, List<GgufTensor>> byRole =
                file.tensors().stream()
                        .collect(
                                Collectors.groupingBy(
                                        this::role, LinkedHashMap::new, Collectors.toList()));
        List<RoleShare> roles = new ArrayList<>();
        List<String> order = new ArrayList<>();
        for (Role role : Role.values()) {
            order.add(role.toString());
        }
        order.addAll(List.of(IGNORED, UNKNOWN));
        for (String role : order) {
            List<GgufTensor> tensors = byRole.getOrDefault(role, List.of());
            if (!tensors.isEmpty()) {
                TreeSet<String> types =
                        tensors.stream()
                                .map(GgufTensor::typeName)
                                .collect(Collectors.toCollection(TreeSet::new));
                roles.add(
                        new RoleShare(
                                role,
                                tensors.size(),
                                elements(tensors),
                                bytes(tensors),
                                List.copyOf(types)));
            }
        }
        return roles;
    }

    private List<Ignored> ignored() {
        List<Ignored> ignored = new ArrayList<>();
        examined.ignored()
                .forEach((prefix, reason) -> {
                    List<GgufTensor> tensors =
                            file.tensors().stream()
                                    .filter(tensor -> tensor.name().startsWith(prefix))
                                    .toList();
                    if (!tensors.isEmpty()) {
                        ignored.add(new Ignored(prefix, reason, tensors.size(), bytes(tensors)));
                    }
                });
        return ignored;
    }

    /** As the architecture says, where it knows the tensor; else as its name says. */
    private String role(GgufTensor tensor) {
        WeightDescriptor weight = weights.get(tensor.name());
        if (weight != null) {
            return weight.role().toString();
        }
        if (examined.ignored().keySet().stream().anyMatch(tensor.name()::startsWith)) {
            return IGNORED;
        }
        return CustomaryRoles.of(tensor.name()).map(Role::toString).orElse(UNKNOWN);
    }

    private TensorNote note(GgufTensor tensor) {
        return new TensorNote(tensor.name(), tensor.typeName(), tensor.dimensions(), role(tensor));
    }

    private @Nullable Cache cache() {
        ModelDescription description = examined.description();
        if (description == null) {
            return null;
        }
        List<KvLayerShape> layers = description.kvLayers();
        try {
            return new Cache(
                    settings.kvType().name(),
                    layers.stream().mapToLong(this::bytesOfToken).sum(),
                    bytesOf(layers, CACHE_TOKENS),
                    bytesOfTrainedContext(layers),
                    cacheLayers(layers));
        } catch (IllegalArgumentException | ArithmeticException e) { // no such cache can be
            problems.add(
                    new ModelProblem(
                            Kind.METADATA,
                            "keys and values cannot be kept as %s: %s"
                                    .formatted(settings.kvType(), e.getMessage())));
            return null;
        }
    }

    private long bytesOfToken(KvLayerShape layer) {
        DType type = settings.kvType();
        return type.bytes(layer.keyWidth())
                + (layer.valueWidth() == 0 ? 0 : type.bytes(layer.valueWidth()));
    }

    private long bytesOfTrainedContext(List<KvLayerShape> layers) {
        int context = count(architecture + ".context_length");
        try {
            return context == 0 ? 0 : bytesOf(layers, context);
        } catch (IllegalArgumentException | ArithmeticException e) {
            return 0; // more than a cache can be; nobody has to use all of it
        }
    }

    /** What the cache itself would allocate for one sequence. */
    private long bytesOf(List<KvLayerShape> layers, int tokens) {
        return KvCachePlan.of(
                        layers, settings.kvType(), tokens, 1, Math.min(settings.stepRows(), tokens))
                .bytes();
    }

    private static List<CacheLayers> cacheLayers(List<KvLayerShape> layers) {
        Map<KvLayerShape, BitSet> alike = new LinkedHashMap<>();
        for (int layer = 0; layer < layers.size(); layer++) {
            alike.computeIfAbsent(layers.get(layer), shape -> new BitSet()).set(layer);
        }
        List<CacheLayers> result = new ArrayList<>();
        alike.forEach((shape, numbers) ->
                result.add(
                        new CacheLayers(
                                shape.valueWidth() == 0 ? "latent" : "keys and values",
                                NumberRuns.text(numbers),
                                numbers.cardinality(),
                                shape.keyWidth(),
                                shape.valueWidth(),
                                shape.window())));
        return result;
    }

    private @Nullable TokenizerNote tokenizer() {
        GgufMetadata metadata = file.metadata();
        Tokenizer tokenizer;
        try {
            tokenizer = Tokenizers.load(metadata);
            ModelDescription description = examined.description();
            if (description != null) {
                PromptEncoder.requireFit(tokenizer, description.vocabularySize());
            }
        } catch (TokenizerException e) {
            problems.add(new ModelProblem(Kind.TOKENIZER, String.valueOf(e.getMessage())));
            return null;
        } catch (GgufException e) {
            problems.add(new ModelProblem(Kind.TOKENIZER, e.problem()));
            return null;
        }
        String pre = text("tokenizer.ggml.pre");
        return new TokenizerNote(
                text("tokenizer.ggml.model") + (pre.isEmpty() ? "" : ", " + pre),
                tokenizer.vocabularySize(),
                template(tokenizer));
    }

    private String template(Tokenizer tokenizer) {
        try {
            String own = file.metadata().stringOrNull("tokenizer.chat_template");
            PromptEncoder.template(settings, tokenizer, own);
            if (settings.chatTemplate() != null) {
                return "configured";
            }
            return own == null || own.isBlank() ? "ChatML" : "own";
        } catch (InferenceException none) {
            return "none";
        } catch (TemplateException e) {
            problems.add(
                    new ModelProblem(
                            Kind.CHAT_TEMPLATE,
                            "the chat template cannot be read: %s; plain prompts work, or set chat-template in the configuration"
                                    .formatted(e.getMessage())));
        } catch (GgufException e) {
            problems.add(new ModelProblem(Kind.CHAT_TEMPLATE, e.problem()));
        }
        return "unreadable";
    }

    /** A text of the metadata; empty where it is absent or none. */
    private String text(String key) {
        GgufMetadata metadata = file.metadata();
        return metadata.has(key) && metadata.isText(key) ? metadata.string(key) : "";
    }

    /** A number of the metadata; 0 where it is absent or none. */
    private int count(String key) {
        try {
            return file.metadata().count(key, 0);
        } catch (GgufException e) {
            return 0; // whoever needs it refuses the file with this error
        }
    }

    private static long elements(List<GgufTensor> tensors) {
        return tensors.stream().mapToLong(GgufTensor::elements).sum();
    }

    private static long bytes(List<GgufTensor> tensors) {
        return tensors.stream().mapToLong(GgufTensor::bytes).sum();
    }
}
