package dev.juggler.engine.gguf;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A tensor of a file: its entry in the table and its bytes in mapped memory. A type without a name
 * here does not keep the file from being opened; {@link #dtype()} refuses it when it is loaded.
 *
 * @param file the file or part that holds it
 * @param name its name
 * @param typeId number of its type in the file
 * @param dimensions 1 to 4, fastest first, each at least 1
 * @param offset its first byte in the file
 * @param data its bytes; of an unknown type, all up to the next tensor or the end
 */
public record GgufTensor(
        Path file,
        String name,
        int typeId,
        List<Long> dimensions,
        long offset,
        MemorySegment data) {
    public GgufTensor {
        dimensions = List.copyOf(dimensions);
    }

    /**
     * Its element type.
     *
     * @throws GgufException if the type is unknown here
     */
    public DType dtype() {
        return knownDtype()
                .orElseThrow(() ->
                        new GgufException(
                                file,
                                offset,
                                "tensor %s has type %s, which Juggler cannot read; use a file quantized to another type"
                                        .formatted(name, typeName())));
    }

    /** Its element type, or empty if that is unknown here. */
    public Optional<DType> knownDtype() {
        return DType.ofGgmlId(typeId);
    }

    /** Name of its type for people, known or not. */
    public String typeName() {
        return knownDtype().map(DType::name).orElseGet(() -> GgufTypeNames.ofTensorType(typeId));
    }

    /** Extent of dimension {@code index}, fastest first; 1 beyond the last. */
    public long dimension(int index) {
        return index < dimensions.size() ? dimensions.get(index) : 1;
    }

    /** Number of elements. */
    public long elements() {
        return dimensions.stream().reduce(1L, Math::multiplyExact);
    }

    /** Size of {@link #data()} in bytes. */
    public long bytes() {
        return data.byteSize();
    }
}
