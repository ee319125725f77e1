package dev.juggler.engine.gguf;

import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A GGUF file taken apart, to be changed and put together again: good files made bad by tests. */
public final class EditableGguf {
    /** A tensor: the number of its type, dimensions fastest first, contents. */
    public static final class Tensor {
        public final int typeId;
        public final List<Long> dimensions;
        public final byte[] data;

        public Tensor(int typeId, List<Long> dimensions, byte[] data) {
            this.typeId = typeId;
            this.dimensions = List.copyOf(dimensions);
            this.data = data;
        }
    }

    /**
     * Values by key: Integer, Long, BigInteger, Float, Double, Boolean, String, and lists of one of
     * these.
     */
    public final Map<String, Object> keys = new LinkedHashMap<>();

    public final Map<String, Tensor> tensors = new LinkedHashMap<>();

    /** Copies a file. */
    public static EditableGguf of(GgufFile file) {
        EditableGguf copy = new EditableGguf();
        copy.keys.putAll(file.metadata().asMap());
        for (GgufTensor tensor : file.tensors()) {
            byte[] data = tensor.data().toArray(ValueLayout.JAVA_BYTE);
            copy.tensors.put(tensor.name(), new Tensor(tensor.typeId(), tensor.dimensions(), data));
        }
        return copy;
    }

    /** The same; what is changed in one does not change the other. */
    public EditableGguf copy() {
        EditableGguf copy = new EditableGguf();
        copy.keys.putAll(keys);
        copy.tensors.putAll(tensors);
        return copy;
    }

    /** Puts the file together. */
    public GgufFile parse() {
        return writer().parse();
    }

    /** Puts the file together and writes it. */
    public Path write(Path path) {
        return writer().write(path);
    }

    private GgufWriter writer() {
        GgufWriter writer = new GgufWriter();
        keys.forEach((key, value) -> put(writer, key, value));
        tensors.forEach((name, tensor) ->
                writer.tensor(
                        name,
                        tensor.typeId,
                        tensor.data,
                        tensor.dimensions.stream().mapToLong(Long::longValue).toArray()));
        return writer;
    }

    private static void put(GgufWriter writer, String key, Object value) {
        switch (value) {
            case Integer number -> writer.integer(key, GgufValueType.INT32, number);
            case Long number -> writer.integer(key, GgufValueType.INT64, number);
            case BigInteger number -> writer.integer(key, GgufValueType.UINT64, number.longValue());
            case Float number -> writer.float32(key, number);
            case Double number -> writer.float32(key, number.floatValue());
            case Boolean truth -> writer.bool(key, truth);
            case String text -> writer.string(key, text);
            case List<?> list -> putList(writer, key, list);
            default -> throw new IllegalArgumentException(key + " = " + value);
        }
    }

    private static void putList(GgufWriter writer, String key, List<?> list) {
        Object first = list.isEmpty() ? "" : list.getFirst();
        if (first instanceof String) {
            writer.strings(key, list.stream().map(String.class::cast).toList());
        } else if (first instanceof Float) {
            float[] floats = new float[list.size()];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = ((Number) list.get(i)).floatValue();
            }
            writer.floats(key, floats);
        } else if (first instanceof Number) {
            long[] numbers =
                    list.stream().mapToLong(number -> ((Number) number).longValue()).toArray();
            writer.integers(key, GgufValueType.INT64, numbers);
        } else {
            throw new IllegalArgumentException(key + " = " + list);
        }
    }
}
