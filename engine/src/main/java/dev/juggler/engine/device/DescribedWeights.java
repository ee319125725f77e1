package dev.juggler.engine.device;

import dev.juggler.engine.architecture.WeightRequest;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Notes what an architecture takes from a file and loads nothing: no byte of data is read. */
final class DescribedWeights extends FileWeights {
    private record Noted(WeightRequest request, DType dtype, long bytes) {}

    private final List<Noted> noted = new ArrayList<>();

    DescribedWeights(GgufFile file) {
        super(file);
    }

    @Override
    Tensor place(GgufTensor tensor, DType dtype, WeightRequest request) {
        noted.add(new Noted(request, dtype, tensor.bytes()));
        return new Tensor(dtype, request.shape(), new PhantomBuffer(tensor.bytes()), 0);
    }

    @Override
    public float[] values(String name, int length) {
        checkedValues(name, length);
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        return ones;
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
