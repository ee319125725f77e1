package dev.juggler.backend.cpusimd.lanes;

import dev.juggler.backend.cpusimd.CodeTables;
import dev.juggler.backend.cpusimd.LaneCode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The width of all vectors in this loader, and loads from stored blocks. */
final class Lanes {
    private static final int BITS = ((LaneCode) Lanes.class.getClassLoader()).bits();

    static final VectorSpecies<Float> FLOATS =
            VectorSpecies.of(float.class, VectorShape.forBitSize(BITS));
    static final VectorSpecies<Integer> INTS =
            VectorSpecies.of(int.class, VectorShape.forBitSize(BITS));

    /** Shorts of a whole vector: two for each lane. */
    static final VectorSpecies<Short> SHORTS_OF_INTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(BITS));

    /** Bytes of a whole vector: four for each lane. */
    static final VectorSpecies<Byte> BYTES_OF_INTS =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(BITS));

    /** Elements of a vector: 4, 8 or 16. */
    static final int LENGTH = FLOATS.length();

    /** One byte for each lane, but at least the 64 bits of the smallest vector. */
    private static final VectorSpecies<Byte> BYTES =
            BITS == 512 ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, BITS / 2)));

    /** With four lanes a load of eight bytes serves two vectors, so that none reads too far. */
    private static final int HALF_LOAD = LENGTH == 4 ? 4 : 0;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Lanes() {}

    /**
     * The signed bytes {@code [at + index, at + index + LENGTH)} as floats.
     *
     * @param index a multiple of LENGTH; the eight bytes around it are read
     */
    static FloatVector signedBytes(MemorySegment source, long at, int index) {
        ByteVector bytes =
                ByteVector.fromMemorySegment(
                        BYTES, source, at + (index & ~HALF_LOAD), ByteOrder.LITTLE_ENDIAN);
        return (FloatVector)
                ((index & HALF_LOAD) == 0
                        ? bytes.castShape(FLOATS, 0)
                        : bytes.castShape(FLOATS, 1));
    }

    /** The bytes {@code [at + index, at + index + LENGTH)} as unsigned numbers. */
    static IntVector unsignedBytes(MemorySegment source, long at, int index) {
        ByteVector bytes =
                ByteVector.fromMemorySegment(
                        BYTES, source, at + (index & ~HALF_LOAD), ByteOrder.LITTLE_ENDIAN);
        return (IntVector)
                ((index & HALF_LOAD) == 0
                        ? bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0)
                        : bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 1));
    }

    /** The shorts from {@code at}, sign-extended. */
    static IntVector shorts(MemorySegment source, long at) {
        return (IntVector)
                ShortVector.fromMemorySegment(SHORTS, source, at, ByteOrder.LITTLE_ENDIAN)
                        .convertShape(VectorOperators.S2I, INTS, 0);
    }

    static FloatVector toFloats(IntVector ints) {
        return (FloatVector) ints.convert(VectorOperators.I2F, 0);
    }

    static float half(MemorySegment source, long at) {
        return Float.float16ToFloat(source.get(SHORT, at));
    }

    static int unsignedShort(MemorySegment source, long at) {
        return source.get(SHORT, at) & 0xFFFF;
    }

    static int int32(MemorySegment source, long at) {
        return source.get(INT, at);
    }

    static long int64(MemorySegment source, long at) {
        return source.get(LONG, at);
    }

    static int unsignedByte(MemorySegment source, long at) {
        return source.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
    }

    /** {@link CodeTables#halfPower} of a byte. */
    static float halfPower(MemorySegment source, long at) {
        return CodeTables.halfPower(unsignedByte(source, at));
    }
}
