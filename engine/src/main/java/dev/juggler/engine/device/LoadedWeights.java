package dev.juggler.engine.device;

import dev.juggler.engine.architecture.WeightRequest;
import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.experts.MoveTurns;
import dev.juggler.engine.experts.Residents;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem.Kind;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Puts each weight that an architecture takes on the device that the placement names: in place
 * where a device works on host memory, else by a copy. Closing it frees what was copied.
 */
final class LoadedWeights extends FileWeights implements AutoCloseable {
    /** Whole tensors by their device and name. */
    private final Map<String, Map<String, Buffer>> loaded = new LinkedHashMap<>();

    private final List<Buffer> buffers = new ArrayList<>();
    private final Map<String, Long> bytes = new LinkedHashMap<>();
    private final IdentityHashMap<Buffer, Role> roles = new IdentityHashMap<>();
    private final IdentityHashMap<Buffer, Integer> deferred = new IdentityHashMap<>();
    private final Map<Integer, LiveLayer> live = new TreeMap<>();
    private final Map<Integer, StreamedLayer> streamed = new TreeMap<>();
    private final Map<String, StreamBuffers> streamBuffers = new HashMap<>();
    private final Map<String, MoveTurns> turns = new HashMap<>();
    private final CacheCounts counts = new CacheCounts();
    private final ExpertCachePolicies policies;
    private final Map<Integer, SplitStack> splits = new HashMap<>();
    private final Map<Integer, String> wholeStacks = new HashMap<>();
    private final WeightDevices placement;
    private final DeviceTable devices;
    private final int expertsUsed;
    private final Map<Role, Map<String, WeightDescriptor>> descriptors = new EnumMap<>(Role.class);

    LoadedWeights(
            GgufFile file,
            ModelDescription described,
            WeightDevices placement,
            ExpertCachePolicies policies,
            DeviceTable devices) {
        super(file);
        this.policies = policies;
        this.placement = placement;
        this.devices = devices;
        expertsUsed = described.expertsUsed();
        for (WeightDescriptor weight : described.weights()) {
            descriptors
                    .computeIfAbsent(weight.role(), role -> new HashMap<>())
                    .put(weight.name(), weight);
        }
    }

    /** Bytes of weights on each device; for weights that stay in the mapped file, their size. */
    Map<String, Long> bytesByDevice() {
        return bytes;
    }

    /** How well experts that come and go are chosen, or null if all stay. */
    @Nullable CacheCounts cacheCounts() {
        return live.isEmpty() ? null : counts;
    }

    /** For stacks of experts how many chosen ones are left to the next layer, where any are. */
    IdentityHashMap<Buffer, Integer> deferred() {
        return deferred;
    }

    /** Whether experts of one layer are on several devices. */
    boolean hasSplitExperts() {
        return !splits.isEmpty();
    }

    @Override
    public float[] values(String name, int length) {
        GgufTensor tensor = checkedValues(name, length);
        float[] values = tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        for (float value : values) {
            if (!(value > 0 && value < Float.POSITIVE_INFINITY)) {
                throw new ModelException(
                        Kind.TENSOR_VALUES,
                        tensor.file(),
                        "tensor %s contains %s, expected positive numbers".formatted(name, value));
            }
        }
        return values;
    }

    @Override
    Tensor place(GgufTensor tensor, DType dtype, WeightRequest request) {
        @Nullable WeightDescriptor known =
                descriptors.getOrDefault(request.role(), Map.of()).get(request.name());
        if (known == null) {
            throw new IllegalStateException("weight " + request.name() + " was not described");
        }
        String[] owners = new String[Math.max(1, known.experts())];
        for (int expert = 0; expert < owners.length; expert++) {
            owners[expert] = placement.device(known, expert);
        }
        boolean whole =
                Arrays.stream(owners).allMatch(owners[0]::equals)
                        && (known.experts() == 0
                                || (placement.live(known.layer()) == null
                                        && placement.streamed(known.layer()) == null));
        if (known.experts() > 0) {
            requireAlike(tensor, known.layer(), whole);
        }
        Tensor placed =
                whole
                        ? whole(tensor, dtype, request, devices.device(owners[0]))
                        : split(tensor, dtype, request, owners);
        roles.putIfAbsent(placed.buffer(), request.role());
        int late = Math.min(placement.deferred(request.layer()), expertsUsed);
        if (request.role() == Role.EXPERTS && late > 0) {
            deferred.put(placed.buffer(), late);
        }
        return placed;
    }

    /** What a weight is for; of one with several roles, the first that was asked for. */
    Role role(Tensor weight) {
        return roles.getOrDefault(weight.buffer(), Role.NORM);
    }

    private Tensor whole(GgufTensor tensor, DType dtype, WeightRequest request, Device device) {
        requireKernel(tensor, dtype, request, device);
        Map<String, Buffer> here = loaded.computeIfAbsent(device.name(), name -> new HashMap<>());
        Buffer buffer = here.get(tensor.name());
        if (buffer == null) {
            Buffer adopted = device.backend().adopt(tensor.data());
            buffer = keep(devices.isSingle() ? adopted : new PlacedBuffer(device, adopted));
            here.put(tensor.name(), buffer);
            count(device, tensor.bytes());
        }
        return new Tensor(dtype, request.shape(), buffer, 0);
    }

    private Tensor split(GgufTensor tensor, DType dtype, WeightRequest request, String[] owners) {
        List<SplitStack.Part> parts = new ArrayList<>();
        LiveLayer living = liveLayer(request.layer(), owners.length);
        if (living != null) {
            parts.add(livePart(tensor, dtype, request, owners.length, living));
        }
        Arrays.stream(owners)
                .distinct()
                .map(devices::device)
                .sorted(Comparator.comparing(Device::usesHostMemory))
                .forEach(device -> parts.add(part(tensor, dtype, request, owners, device, living)));
        SplitStack stack = streamable(tensor, dtype, request, owners, parts, living);
        SplitStack other = splits.putIfAbsent(request.layer(), stack);
        if (other != null && !stack.isSplitLike(other)) {
            throw placedApart(tensor, request.layer());
        }
        return new Tensor(dtype, request.shape(), stack, 0);
    }

    /** The experts of one device: the whole stack where it lies in host memory, else a copy. */
    private SplitStack.Part part(
            GgufTensor tensor,
            DType dtype,
            WeightRequest request,
            String[] owners,
            Device device,
            @Nullable LiveLayer living) {
        int[] instead = living == null ? null : living.places();
        requireKernel(tensor, dtype, request, device);
        long expertBytes = tensor.bytes() / owners.length;
        int[] localIds = new int[owners.length];
        Arrays.fill(localIds, SplitStack.ELSEWHERE);
        List<Integer> here = new ArrayList<>();
        for (int expert = 0; expert < owners.length; expert++) {
            if (owners[expert].equals(device.name())) {
                localIds[expert] = device.usesHostMemory() ? expert : here.size();
                here.add(expert);
            }
        }
        count(device, here.size() * expertBytes);
        if (device.usesHostMemory()) {
            Buffer all = keep(device.backend().adopt(tensor.data()));
            Tensor stack = new Tensor(dtype, request.shape(), all, 0);
            return new SplitStack.Part(device, stack, localIds, instead);
        }
        Buffer copy = keep(device.backend().allocate(here.size() * expertBytes));
        ExpertCopies.bring(device, copy, tensor.data(), expertBytes, here);
        Tensor stack = new Tensor(dtype, shapeOf(here.size(), request, owners.length), copy, 0);
        return new SplitStack.Part(device, stack, localIds, instead);
    }

    /** The shape of some of the experts: of matrices, or of a bias, which is a row. */
    private static Shape shapeOf(int some, WeightRequest request, int all) {
        Shape full = request.shape();
        return full.count() == all
                ? new Shape(some, full.rows(), full.columns())
                : Shape.matrix(some, full.columns());
    }

    private SplitStack streamable(
            GgufTensor tensor,
            DType dtype,
            WeightRequest request,
            String[] owners,
            List<SplitStack.Part> parts,
            @Nullable LiveLayer living) {
        StreamedExperts plan = placement.streamed(request.layer());
        if (plan == null) {
            return new SplitStack(tensor.bytes(), parts, living, null, List.of());
        }
        StreamedLayer layer =
                streamed.computeIfAbsent(
                        request.layer(),
                        number ->
                                new StreamedLayer(
                                        plan,
                                        streamBuffers(plan),
                                        owners.length,
                                        e -> devices.device(owners[e]).usesHostMemory()));
        requireKernel(tensor, dtype, request, layer.buffers().device());
        long offset = layer.add(tensor.data(), tensor.bytes() / owners.length);
        Shape shape = shapeOf(layer.chunkSize(), request, owners.length);
        List<Tensor> buffers = new ArrayList<>();
        for (StreamBuffers.Half half : layer.buffers().halves()) {
            buffers.add(new Tensor(dtype, shape, half.buffer(), offset));
        }
        return new SplitStack(tensor.bytes(), parts, living, layer, buffers);
    }

    private StreamBuffers streamBuffers(StreamedExperts plan) {
        return streamBuffers.computeIfAbsent(
                plan.device(),
                name -> {
                    Device device = devices.device(name);
                    return new StreamBuffers(
                            device,
                            keep(device.backend().allocate(plan.bufferBytes())),
                            keep(device.backend().allocate(plan.bufferBytes())));
                });
    }

    private @Nullable LiveLayer liveLayer(int layer, int experts) {
        LiveExperts plan = placement.live(layer);
        if (plan == null) {
            return null;
        }
        return live.computeIfAbsent(
                layer,
                number ->
                        new LiveLayer(
                                plan,
                                devices.device(plan.device()),
                                new Residents(
                                        experts,
                                        plan.candidates(),
                                        plan.first(),
                                        policies.open(plan.policy(), experts, plan.places())),
                                experts,
                                turns.computeIfAbsent(
                                        plan.device(), device -> new MoveTurns(plan.moves())),
                                counts));
    }

    private SplitStack.Part livePart(
            GgufTensor tensor, DType dtype, WeightRequest request, int experts, LiveLayer living) {
        Device device = living.device();
        requireKernel(tensor, dtype, request, device);
        long expertBytes = tensor.bytes() / experts;
        long bytes = living.placeCount() * expertBytes;
        Buffer places = keep(device.backend().allocate(bytes));
        count(device, bytes);
        living.add(tensor.data(), expertBytes, places);
        Shape shape = shapeOf(living.placeCount(), request, experts);
        Tensor stack = new Tensor(dtype, shape, places, 0);
        return new SplitStack.Part(device, stack, living.places(), null);
    }

    private static void requireKernel(
            GgufTensor tensor, DType dtype, WeightRequest request, Device device) {
        if (!request.plain() && !device.kernels().weightTypes().contains(dtype)) {
            throw new ModelException(
                    Kind.TENSOR_TYPE,
                    tensor.file(),
                    "tensor %s has type %s, for which device %s has no kernel; place it elsewhere or use a file quantized to another type"
                            .formatted(tensor.name(), dtype, device.name()));
        }
    }

    /** A layer's experts are split all alike or not at all: one operation uses them together. */
    private void requireAlike(GgufTensor tensor, int layer, boolean whole) {
        if (whole ? splits.containsKey(layer) : wholeStacks.containsKey(layer)) {
            throw placedApart(tensor, layer);
        }
        if (whole) {
            wholeStacks.put(layer, tensor.name());
        }
    }

    private static ModelException placedApart(GgufTensor tensor, int layer) {
        return new ModelException(
                Kind.PLACEMENT,
                tensor.file(),
                "experts of layer %d are split over devices, but %s not as the layer's other stacks; place them by role and expert, not by tensor name"
                        .formatted(layer, tensor.name()));
    }

    private Buffer keep(Buffer buffer) {
        buffers.add(buffer);
        return buffer;
    }

    private void count(Device device, long more) {
        bytes.merge(device.name(), more, Long::sum);
    }

    @Override
    public void close() {
        buffers.reversed().forEach(Buffer::close);
        buffers.clear();
    }
}
