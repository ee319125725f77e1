package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.half;
import static dev.juggler.backend.cpusimd.lanes.Lanes.signedBytes;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedBytes;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Blocks of 32 elements with a scale of their own. Where codes have four bits, byte j holds element
 * j in its low half and element j + 16 in its high half.
 */
final class SmallBlockDecoders {
    private static final int BLOCK = 32;
    private static final int HALF = 16;
    private static final IntVector LANE_NUMBERS = VectorDecoders.laneNumbers();

    private SmallBlockDecoders() {}

    static void q8Zero(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 34, at += BLOCK) {
            float scale = half(source, offset);
            sixteenBytes(source, offset + 2, scale, target, at);
            sixteenBytes(source, offset + 2 + HALF, scale, target, at + HALF);
        }
    }

    /** Written out, since a loop of two rounds costs more than its rounds. */
    private static void sixteenBytes(
            MemorySegment source, long codes, float scale, float[] target, int to) {
        signedBytes(source, codes, 0).mul(scale).intoArray(target, to);
        if (LENGTH <= 8) {
            signedBytes(source, codes, LENGTH).mul(scale).intoArray(target, to + LENGTH);
        }
        if (LENGTH == 4) {
            signedBytes(source, codes, 8).mul(scale).intoArray(target, to + 8);
            signedBytes(source, codes, 12).mul(scale).intoArray(target, to + 12);
        }
    }

    static void q4Zero(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 18, at += BLOCK) {
            FloatVector scale = FloatVector.broadcast(FLOATS, half(source, offset));
            for (int i = 0; i < HALF; i += LENGTH) {
                IntVector codes = unsignedBytes(source, offset + 2, i);
                toFloats(codes.and(15).sub(8)).mul(scale).intoArray(target, at + i);
                toFloats(codes.lanewise(VectorOperators.LSHR, 4).sub(8))
                        .mul(scale)
                        .intoArray(target, at + HALF + i);
            }
        }
    }

    static void q4One(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 20, at += BLOCK) {
            FloatVector scale = FloatVector.broadcast(FLOATS, half(source, offset));
            FloatVector minimum = FloatVector.broadcast(FLOATS, half(source, offset + 2));
            for (int i = 0; i < HALF; i += LENGTH) {
                IntVector codes = unsignedBytes(source, offset + 4, i);
                toFloats(codes.and(15)).mul(scale).add(minimum).intoArray(target, at + i);
                toFloats(codes.lanewise(VectorOperators.LSHR, 4))
                        .mul(scale)
                        .add(minimum)
                        .intoArray(target, at + HALF + i);
            }
        }
    }

    static void q5Zero(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 22, at += BLOCK) {
            FloatVector scale = FloatVector.broadcast(FLOATS, half(source, offset));
            IntVector fifth = IntVector.broadcast(INTS, Lanes.int32(source, offset + 2));
            for (int i = 0; i < HALF; i += LENGTH) {
                IntVector codes = unsignedBytes(source, offset + 6, i);
                toFloats(codes.and(15).or(fifthBits(fifth, i)).sub(16))
                        .mul(scale)
                        .intoArray(target, at + i);
                toFloats(
                                codes.lanewise(VectorOperators.LSHR, 4)
                                        .or(fifthBits(fifth, i + HALF))
                                        .sub(16))
                        .mul(scale)
                        .intoArray(target, at + HALF + i);
            }
        }
    }

    static void q5One(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 24, at += BLOCK) {
            FloatVector scale = FloatVector.broadcast(FLOATS, half(source, offset));
            FloatVector minimum = FloatVector.broadcast(FLOATS, half(source, offset + 2));
            IntVector fifth = IntVector.broadcast(INTS, Lanes.int32(source, offset + 4));
            for (int i = 0; i < HALF; i += LENGTH) {
                IntVector codes = unsignedBytes(source, offset + 8, i);
                toFloats(codes.and(15).or(fifthBits(fifth, i)))
                        .mul(scale)
                        .add(minimum)
                        .intoArray(target, at + i);
                toFloats(codes.lanewise(VectorOperators.LSHR, 4).or(fifthBits(fifth, i + HALF)))
                        .mul(scale)
                        .add(minimum)
                        .intoArray(target, at + HALF + i);
            }
        }
    }

    /** Bits {@code [from, from + LENGTH)} of a word, each as 16 or 0 in its lane. */
    private static IntVector fifthBits(IntVector word, int from) {
        return word.lanewise(VectorOperators.LSHR, LANE_NUMBERS.add(from))
                .and(1)
                .lanewise(VectorOperators.LSHL, 4);
    }
}
