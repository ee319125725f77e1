package dev.juggler.engine.device;

import dev.juggler.engine.architecture.WeightRequest;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Notes what an architecture takes from a file and loads nothing: no byte of data is read. A weight
 * that cannot be taken is noted as a problem, and the architecture goes on, so that all that is
 * wrong with a file can be told at once.
 */
final class DescribedWeights extends FileWeights {
    /** A file with so many bad weights is not worth looking further: its keys are absurd. */
    private static final int MOST_PROBLEMS = 2000;

    /** Elements of the largest tensor that could be; absurd keys ask for more. */
    private static final double MOST_ELEMENTS = 1L << 50;

    private record Noted(WeightRequest request, DType dtype, long bytes) {}

    private final List<Noted> noted = new ArrayList<>();

    /** Problems that differ in the layer alone, or tensors of the same bad type, are one. */
    private final Map<String, List<ModelProblem>> problems = new LinkedHashMap<>();

    private int problemCount;

    DescribedWeights(GgufFile file) {
        super(file);
    }

    @Override
    public Tensor take(WeightRequest request) {
        try {
            return super.take(request);
        } catch (ModelException e) {
            note(e);
            Shape shape = request.shape();
            double elements = (double) shape.count() * shape.rows() * shape.columns();
            if (elements > MOST_ELEMENTS) {
                throw e;
            }
            long bytes = DType.F32.bytes(shape.elements());
            return new Tensor(DType.F32, shape, new PhantomBuffer(bytes), 0);
        }
    }

    @Override
    Tensor place(GgufTensor tensor, DType dtype, WeightRequest request) {
        noted.add(new Noted(request, dtype, tensor.bytes()));
        return new Tensor(dtype, request.shape(), new PhantomBuffer(tensor.bytes()), 0);
    }

    @Override
    public float[] values(String name, int length) {
        try {
            checkedValues(name, length);
        } catch (ModelException e) {
            note(e);
        }
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** Problems with weights so far, those that are alike told once. */
    List<ModelProblem> problems() {
        return problems.values().stream().map(DescribedWeights::together).toList();
    }

    /** Whether a problem is one of {@link #problems}, or like one. */
    boolean isNoted(ModelProblem problem) {
        return problems.containsKey(likeness(problem));
    }

    private void note(ModelException e) {
        problems.computeIfAbsent(likeness(e.problem()), key -> new ArrayList<>()).add(e.problem());
        problemCount++;
        if (problemCount == MOST_PROBLEMS) {
            throw e;
        }
    }

    private static String likeness(ModelProblem problem) {
        return problem.kind()
                + (problem.kind() == ModelProblem.Kind.TENSOR_TYPE
                        ? problem.text().replaceFirst("tensor \\S+", "")
                        : problem.text().replaceFirst("blk\\.\\d+\\.", ""));
    }

    private static ModelProblem together(List<ModelProblem> alike) {
        ModelProblem first = alike.getFirst();
        return alike.size() == 1
                ? first
                : new ModelProblem(
                        first.kind(),
                        "%s (and %d more like it)".formatted(first.text(), alike.size() - 1));
    }

    /** All that was taken, in that order. */
    List<WeightDescriptor> descriptors() {
        Set<Integer> moeLayers = new HashSet<>();
        noted.stream()
                .filter(weight -> weight.request.role() == Role.EXPERTS)
                .forEach(weight -> moeLayers.add(weight.request.layer()));
        return noted.stream()
                .map(weight ->
                        new WeightDescriptor(
                                weight.request.name(),
                                weight.request.role(),
                                weight.request.layer(),
                                moeLayers.contains(weight.request.layer()),
                                weight.dtype,
                                weight.bytes,
                                weight.request.experts()))
                .toList();
    }
}
