package dev.juggler.engine.device;

import dev.juggler.engine.architecture.WeightRequest;
import dev.juggler.engine.architecture.WeightSource;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem.Kind;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tensors of a file, checked against what the architecture expects. */
abstract class FileWeights implements WeightSource {
    /** What a weight can be: the reference defines the operations, so it has all types. */
    private static final Set<DType> WEIGHT_TYPES = new ReferenceKernels().weightTypes();

    private final GgufFile file;
    private final Set<String> taken = new HashSet<>();
    private final Map<String, String> ignored = new LinkedHashMap<>();

    FileWeights(GgufFile file) {
        this.file = file;
    }

    /** Makes a checked tensor usable. */
    abstract Tensor place(GgufTensor tensor, DType dtype, WeightRequest request);

    @Override
    public final boolean has(String name) {
        return file.find(name) != null;
    }

    @Override
    public final int rows(String name) {
        long rows = find(name, "any shape").dimension(1);
        if (rows > Integer.MAX_VALUE) {
            throw new ModelException(
                    Kind.TENSOR_SHAPE,
                    file.path(),
                    "tensor %s has %d rows, that is too many".formatted(name, rows));
        }
        return (int) rows;
    }

    @Override
    public Tensor take(WeightRequest request) {
        GgufTensor tensor = checked(request.name(), request.shape());
        DType dtype =
                tensor.knownDtype()
                        .filter(known -> request.plain() || WEIGHT_TYPES.contains(known))
                        .orElseThrow(() ->
                                new ModelException(
                                        Kind.TENSOR_TYPE,
                                        tensor.file(),
                                        "tensor %s has type %s, which is not supported; use a file quantized to another type"
                                                .formatted(tensor.name(), tensor.typeName())));
        if (request.plain() && dtype != DType.F32) {
            throw notPlain(tensor);
        }
        return place(tensor, dtype, request);
    }

    /** The tensor of this name, if it is F32 and has this length. */
    final GgufTensor checkedValues(String name, int length) {
        GgufTensor tensor = checked(name, Shape.matrix(1, length));
        if (tensor.typeId() != DType.F32.ggmlId()) {
            throw notPlain(tensor);
        }
        return tensor;
    }

    @Override
    public final void ignore(String prefix, String reason) {
        ignored.put(prefix, reason);
    }

    /** Prefixes of the names of tensors that are left out, with the reason. */
    final Map<String, String> ignored() {
        return ignored;
    }

    /**
     * Refuses a file with tensors that nobody took: they would do something in this model.
     *
     * @throws ModelException that names them
     */
    final void requireAllTaken(String architecture) {
        List<String> left =
                file.tensors().stream()
                        .map(GgufTensor::name)
                        .filter(name -> !taken.contains(name))
                        .filter(name -> ignored.keySet().stream().noneMatch(name::startsWith))
                        .toList();
        if (!left.isEmpty()) {
            throw new ModelException(
                    Kind.UNKNOWN_TENSOR,
                    file.path(),
                    "architecture %s does not know what to do with %d of its tensors: %s%s"
                            .formatted(
                                    architecture,
                                    left.size(),
                                    String.join(", ", left.subList(0, Math.min(5, left.size()))),
                                    left.size() > 5 ? ", ..." : ""));
        }
    }

    final GgufFile file() {
        return file;
    }

    private GgufTensor checked(String name, Shape shape) {
        GgufTensor tensor = find(name, shape.toString());
        taken.add(name);
        boolean fits =
                tensor.dimension(0) == shape.columns()
                        && tensor.dimension(1) == shape.rows()
                        && tensor.dimension(2) == shape.count()
                        && tensor.dimension(3) == 1;
        if (!fits) {
            throw new ModelException(
                    Kind.TENSOR_SHAPE,
                    tensor.file(),
                    "tensor %s has shape %s, expected %s"
                            .formatted(name, tensor.dimensions().reversed(), shape));
        }
        return tensor;
    }

    private GgufTensor find(String name, String expected) {
        GgufTensor tensor = file.find(name);
        if (tensor == null) {
            throw new ModelException(
                    Kind.MISSING_TENSOR,
                    file.path(),
                    "tensor %s of %s is missing".formatted(name, expected));
        }
        return tensor;
    }

    private static ModelException notPlain(GgufTensor tensor) {
        return new ModelException(
                Kind.TENSOR_TYPE,
                tensor.file(),
                "tensor %s has type %s, expected F32".formatted(tensor.name(), tensor.typeName()));
    }
}
