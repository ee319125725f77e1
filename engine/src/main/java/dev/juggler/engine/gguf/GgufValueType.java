package dev.juggler.engine.gguf;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** Type of a metadata value; numbers are those of the specification. */
public enum GgufValueType {
    UINT8(0, 1),
    INT8(1, 1),
    UINT16(2, 2),
    INT16(3, 2),
    UINT32(4, 4),
    INT32(5, 4),
    FLOAT32(6, 4),
    BOOL(7, 1),
    STRING(8, 8),
    ARRAY(9, 12),
    UINT64(10, 8),
    INT64(11, 8),
    FLOAT64(12, 8);

    private final int id;
    private final int leastBytes;

    GgufValueType(int id, int leastBytes) {
        this.id = id;
        this.leastBytes = leastBytes;
    }

    /** The type's number in a file. */
    public int id() {
        return id;
    }

    /** True for numbers and booleans: every value takes {@link #leastBytes()}. */
    public boolean isFixed() {
        return this != STRING && this != ARRAY;
    }

    /** True for the eight integer types. */
    public boolean isInteger() {
        return switch (this) {
            case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
            default -> false;
        };
    }

    /** True for the two floating point types. */
    public boolean isFloat() {
        return this == FLOAT32 || this == FLOAT64;
    }

    /** Bytes of a value of a fixed type; of the others, what an empty one takes. */
    int leastBytes() {
        return leastBytes;
    }

    /** The type with this number, or empty if there is none. */
    static Optional<GgufValueType> ofId(long id) {
        return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
    }

    /** As the specification writes it: {@code uint32}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
