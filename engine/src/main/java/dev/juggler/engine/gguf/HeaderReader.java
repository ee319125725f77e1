package dev.juggler.engine.gguf;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads the little-endian header of one file from its start, never past its end. Lengths are
 * checked against what is left before anything is allocated for them.
 *
 * <p>Vocabularies make it take 300,000 small steps in a JVM that has just started. So it works on a
 * {@link ByteBuffer}, and over texts on arrays, which are fast before the compiler has seen them.
 */
final class HeaderReader {
    /** Longest header: far above any vocabulary; a buffer takes little more. */
    private static final long LONGEST_HEADER = 1L << 30;

    /** Longest text: far above any chat template, far below what would hurt. */
    private static final long LONGEST_TEXT = 64L << 20;

    /** Bytes that are copied at once to walk over texts. */
    private static final int COPIED_FOR_TEXTS = 64 << 10;

    /** Arrays of arrays of arrays; the specification sets no limit, the call stack does. */
    private static final int DEEPEST_ARRAY = 8;

    private final Path file;
    private final ByteBuffer bytes;

    HeaderReader(Path file, MemorySegment memory) {
        this.file = file;
        this.bytes =
                memory.asSlice(0, Math.min(memory.byteSize(), LONGEST_HEADER))
                        .asByteBuffer()
                        .order(ByteOrder.LITTLE_ENDIAN);
    }

    private HeaderReader(Path file, ByteBuffer bytes, int offset) {
        this.file = file;
        this.bytes = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).position(offset);
    }

    int position() {
        return bytes.position();
    }

    GgufException broken(String problem) {
        return broken(position(), problem);
    }

    GgufException broken(long offset, String problem) {
        return new GgufException(file, offset, problem);
    }

    private void require(long count, String what) {
        if (count < 0 || count > bytes.remaining()) {
            throw broken(
                    "the header ends inside %s: it needs %s bytes, %d are left"
                            .formatted(what, Long.toUnsignedString(count), bytes.remaining()));
        }
    }

    int uint32Bits(String what) {
        require(4, what);
        return bytes.getInt();
    }

    long uint32(String what) {
        return Integer.toUnsignedLong(uint32Bits(what));
    }

    /** A 64-bit field that must be at most {@code most}. */
    long uint64(String what, long most) {
        require(8, what);
        int start = position();
        long value = bytes.getLong();
        if (value < 0 || value > most) {
            throw broken(
                    start,
                    "%s is %s, at most %d is possible"
                            .formatted(what, Long.toUnsignedString(value), most));
        }
        return value;
    }

    /** A count of things that take at least {@code leastBytes} each, so that they can be there. */
    long count(String what, long leastBytes, long most) {
        require(8, what);
        return uint64(what, Math.min(most, (bytes.remaining() - 8L) / leastBytes));
    }

    /** A name: well-formed UTF-8 of 1 to {@code longest} bytes. */
    String name(String what, int longest) {
        int start = position();
        int length = (int) uint64("the length of " + what, longest);
        require(length, what);
        if (length == 0) {
            throw broken(start, what + " is empty");
        }
        try {
            ByteBuffer text = bytes.slice(position(), length);
            bytes.position(position() + length);
            return StandardCharsets.UTF_8.newDecoder().decode(text).toString();
        } catch (CharacterCodingException e) {
            throw broken(start, what + " is not well-formed UTF-8");
        }
    }

    /** A text; bytes that are no UTF-8 become U+FFFD. */
    private String text(String what) {
        int length = textLength(what);
        byte[] text = new byte[length];
        bytes.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    private int textLength(String what) {
        // the hot path of opening a vocabulary, so the message is made only when it is needed
        if (bytes.remaining() >= 8) {
            long length = bytes.getLong(bytes.position());
            if (length >= 0 && length <= LONGEST_TEXT && length <= bytes.remaining() - 8) {
                bytes.position(bytes.position() + 8);
                return (int) length;
            }
        }
        int length = (int) uint64("the length of " + what, LONGEST_TEXT);
        require(length, what);
        return length;
    }

    GgufValueType valueType(String what) {
        int start = position();
        long id = uint32(what);
        return GgufValueType.ofId(id)
                .orElseThrow(() ->
                        broken(start, "%s is %d, which is no value type".formatted(what, id)));
    }

    /**
     * A value: Long (BigInteger beyond its range), Float, Double, Boolean, String or GgufArray. An
     * array is walked over and checked, and decoded when it is asked for.
     */
    Object value(GgufValueType type, String what) {
        return value(type, what, 0);
    }

    private Object value(GgufValueType type, String what, int depth) {
        return switch (type) {
            case STRING -> text(what);
            case ARRAY -> array(what, depth);
            default -> {
                require(type.leastBytes(), what);
                int start = position();
                bytes.position(start + type.leastBytes());
                yield scalar(type, start);
            }
        };
    }

    private GgufArray array(String what, int depth) {
        if (depth == DEEPEST_ARRAY) {
            throw broken(what + " has arrays nested more than " + DEEPEST_ARRAY + " deep");
        }
        GgufValueType element = valueType("the element type of " + what);
        int count =
                (int)
                        count(
                                "the number of elements of " + what,
                                element.leastBytes(),
                                Integer.MAX_VALUE);
        int start = position();
        if (element.isFixed()) {
            bytes.position(start + count * element.leastBytes());
        } else if (element == GgufValueType.STRING) {
            skipTexts(count, what);
        } else {
            for (int i = 0; i < count; i++) {
                array(what, depth + 1);
            }
        }
        return new GgufArray(this, element, count, start, position());
    }

    /** Walks over texts: nearly all of them in copies of what follows, the others one by one. */
    private void skipTexts(int count, String what) {
        long most = Math.min(COPIED_FOR_TEXTS, count * 32L); // little for a few small ones
        byte[] copy = new byte[(int) Math.min(most, bytes.remaining())];
        int left = count;
        while (left > 0) {
            int start = position();
            int size = Math.min(copy.length, bytes.remaining());
            bytes.get(start, copy, 0, size);
            int at = 0;
            while (left > 0 && at <= size - 8) {
                int length =
                        (copy[at] & 0xFF)
                                | ((copy[at + 1] & 0xFF) << 8)
                                | ((copy[at + 2] & 0xFF) << 16);
                int rest = copy[at + 3] | copy[at + 4] | copy[at + 5] | copy[at + 6] | copy[at + 7];
                if (rest != 0 || length > size - 8 - at) {
                    break; // long, wrong, or not all of it in the copy
                }
                at += 8 + length;
                left--;
            }
            bytes.position(start + at);
            if (left > 0) {
                int length = textLength(what);
                bytes.position(position() + length);
                left--;
            }
        }
    }

    /** The value of a fixed type at {@code offset}, which must be inside. */
    Object scalar(GgufValueType type, int offset) {
        return switch (type) {
            case FLOAT32 -> bytes.getFloat(offset);
            case FLOAT64 -> bytes.getDouble(offset);
            case BOOL -> {
                byte value = bytes.get(offset);
                if (value != 0 && value != 1) {
                    throw broken(offset, "a bool is %d, it must be 0 or 1".formatted(value));
                }
                yield value == 1;
            }
            case UINT64 -> {
                long value = bytes.getLong(offset);
                yield value >= 0 ? (Object) value : new BigInteger(Long.toUnsignedString(value));
            }
            default -> integer(type, offset);
        };
    }

    private long integer(GgufValueType type, int offset) {
        return switch (type) {
            case UINT8 -> Byte.toUnsignedLong(bytes.get(offset));
            case INT8 -> bytes.get(offset);
            case UINT16 -> Short.toUnsignedLong(bytes.getShort(offset));
            case INT16 -> bytes.getShort(offset);
            case UINT32 -> Integer.toUnsignedLong(bytes.getInt(offset));
            case INT32 -> bytes.getInt(offset);
            case UINT64, INT64 -> bytes.getLong(offset);
            default -> throw new IllegalArgumentException(type + " is no integer type");
        };
    }

    /** A reader of its own that starts at {@code offset}, for decoding an array later. */
    HeaderReader at(int offset) {
        return new HeaderReader(file, bytes, offset);
    }

    /** Copies bytes that must be inside. */
    byte[] copy(int from, int to) {
        byte[] copied = new byte[to - from];
        bytes.get(from, copied);
        return copied;
    }
}
