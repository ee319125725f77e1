package dev.juggler.engine.gguf;

import dev.juggler.kernel.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes small GGUF files for tests.
 *
 * <pre>{@code
 * new GgufWriter()
 *         .string("general.architecture", "llama")
 *         .uint32("llama.block_count", 2)
 *         .strings("tokenizer.ggml.tokens", List.of("a", "b"))
 *         .tensor("output_norm.weight", new float[64], 64)
 *         .write(path);
 * }</pre>
 *
 * Nothing is checked: a test may write what a reader must refuse.
 */
public final class GgufWriter {
    private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
    private final List<Tensor> tensors = new ArrayList<>();
    private int keys;
    private int version = 3;
    private int alignment = 32;

    /** A tensor as it goes into the file; data of any length. */
    private static final class Tensor {
        final String name;
        final int typeId;
        final long[] dimensions;
        final byte[] data;

        Tensor(String name, int typeId, long[] dimensions, byte[] data) {
            this.name = name;
            this.typeId = typeId;
            this.dimensions = dimensions;
            this.data = data;
        }
    }

    public GgufWriter version(int version) {
        this.version = version;
        return this;
    }

    /** Aligns tensors, and says so in the metadata. */
    public GgufWriter alignment(int alignment) {
        this.alignment = alignment;
        return uint32("general.alignment", alignment);
    }

    public GgufWriter string(String key, String value) {
        return value(key, GgufValueType.STRING, text(value));
    }

    public GgufWriter uint32(String key, int value) {
        return value(key, GgufValueType.UINT32, number(4).putInt(value).array());
    }

    public GgufWriter float32(String key, float value) {
        return value(key, GgufValueType.FLOAT32, number(4).putFloat(value).array());
    }

    public GgufWriter bool(String key, boolean value) {
        return value(key, GgufValueType.BOOL, new byte[] {(byte) (value ? 1 : 0)});
    }

    /** An integer of the given type. */
    public GgufWriter integer(String key, GgufValueType type, long value) {
        return value(key, type, integer(type, value));
    }

    public GgufWriter strings(String key, List<String> values) {
        ByteArrayOutputStream elements = new ByteArrayOutputStream();
        values.forEach(value -> elements.writeBytes(text(value)));
        return array(key, GgufValueType.STRING, values.size(), elements.toByteArray());
    }

    public GgufWriter floats(String key, float... values) {
        return array(key, GgufValueType.FLOAT32, values.length, bytes(values));
    }

    public GgufWriter integers(String key, GgufValueType type, long... values) {
        ByteArrayOutputStream elements = new ByteArrayOutputStream();
        for (long value : values) {
            elements.writeBytes(integer(type, value));
        }
        return array(key, type, values.length, elements.toByteArray());
    }

    /** An array whose elements are given as bytes. */
    public GgufWriter array(String key, GgufValueType element, long count, byte[] elements) {
        return value(key, GgufValueType.ARRAY, array(element, count, elements));
    }

    /** The bytes of an array, to be an element of another. */
    public static byte[] array(GgufValueType element, long count, byte[] elements) {
        return number(12 + elements.length)
                .putInt(element.id())
                .putLong(count)
                .put(elements)
                .array();
    }

    /** A value given as bytes. */
    public GgufWriter value(String key, GgufValueType type, byte[] value) {
        return value(key, type.id(), value);
    }

    /** A value given as bytes, of a type that may not exist. */
    public GgufWriter value(String key, int typeId, byte[] value) {
        metadata.writeBytes(text(key));
        metadata.writeBytes(number(4).putInt(typeId).array());
        metadata.writeBytes(value);
        keys++;
        return this;
    }

    /** An F32 tensor, dimensions fastest first. */
    public GgufWriter tensor(String name, float[] values, long... dimensions) {
        return tensor(name, DType.F32, bytes(values), dimensions);
    }

    /** A tensor given as bytes, dimensions fastest first. */
    public GgufWriter tensor(String name, DType dtype, byte[] data, long... dimensions) {
        return tensor(name, dtype.ggmlId(), data, dimensions);
    }

    /** A tensor given as bytes, of a type that may not exist. */
    public GgufWriter tensor(String name, int typeId, byte[] data, long... dimensions) {
        tensors.add(new Tensor(name, typeId, dimensions.clone(), data));
        return this;
    }

    /** The file. */
    public byte[] bytes() {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(
                number(24)
                        .put("GGUF".getBytes(StandardCharsets.US_ASCII))
                        .putInt(version)
                        .putLong(tensors.size())
                        .putLong(keys)
                        .array());
        file.writeBytes(metadata.toByteArray());
        long offset = 0;
        for (Tensor tensor : tensors) {
            file.writeBytes(text(tensor.name));
            file.writeBytes(number(4).putInt(tensor.dimensions.length).array());
            for (long dimension : tensor.dimensions) {
                file.writeBytes(number(8).putLong(dimension).array());
            }
            file.writeBytes(number(12).putInt(tensor.typeId).putLong(offset).array());
            offset += Math.ceilDiv(tensor.data.length, alignment) * (long) alignment;
        }
        for (Tensor tensor : tensors) {
            pad(file);
            file.writeBytes(tensor.data);
        }
        pad(file);
        return file.toByteArray();
    }

    /** The file, parsed. */
    public GgufFile parse() {
        return GgufFile.of(Path.of("test.gguf"), MemorySegment.ofArray(bytes()));
    }

    /** Writes the file. */
    public Path write(Path path) {
        try {
            return Files.write(path, bytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The bytes of F32 elements. */
    public static byte[] bytes(float... values) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * values.length);
        buffer.order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            buffer.putFloat(value);
        }
        return buffer.array();
    }

    /** The bytes of a text: its length and itself. */
    public static byte[] text(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        return number(8 + utf8.length).putLong(utf8.length).put(utf8).array();
    }

    private static byte[] integer(GgufValueType type, long value) {
        return switch (type) {
            case UINT8, INT8 -> new byte[] {(byte) value};
            case UINT16, INT16 -> number(2).putShort((short) value).array();
            case UINT32, INT32 -> number(4).putInt((int) value).array();
            case UINT64, INT64 -> number(8).putLong(value).array();
            default -> throw new IllegalArgumentException(type + " is no integer type");
        };
    }

    private static ByteBuffer number(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void pad(ByteArrayOutputStream file) {
        file.writeBytes(new byte[Math.floorMod(-file.size(), alignment)]);
    }
}
