package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.half;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedByte;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedBytes;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodeTables;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Types whose four-bit codes are places in a table of 16 whole numbers. */
final class TableDecoders {
    private static final int HALF = 16;

    // A table in vectors: one of 16 lanes, two of 8 or four of 4.
    private static final IntVector NON_LINEAR_0 = part(CodeFormat.IQ4_NL, 0);
    private static final IntVector NON_LINEAR_1 = part(CodeFormat.IQ4_NL, 1);
    private static final IntVector NON_LINEAR_2 = part(CodeFormat.IQ4_NL, 2);
    private static final IntVector NON_LINEAR_3 = part(CodeFormat.IQ4_NL, 3);
    private static final IntVector E2M1_0 = part(CodeFormat.MXFP4, 0);
    private static final IntVector E2M1_1 = part(CodeFormat.MXFP4, 1);
    private static final IntVector E2M1_2 = part(CodeFormat.MXFP4, 2);
    private static final IntVector E2M1_3 = part(CodeFormat.MXFP4, 3);

    private TableDecoders() {}

    static void iq4NonLinear(
            MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 18, at += 2 * HALF) {
            nonLinear(source, offset + 2, half(source, offset), target, at);
        }
    }

    static void iq4ExtraSmall(
            MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int group = 0; group < 8 * blocks; group++) {
            long block = offset + 136L * (group / 8);
            int inner = group % 8;
            int low = unsignedByte(source, block + 4 + inner / 2) >> (4 * (inner % 2)) & 15;
            int high = unsignedByte(source, block + 2 + inner / 4) >> (2 * (inner % 4)) & 3;
            float scale = half(source, block) * (low + 16 * high - 32);
            nonLinear(source, block + 8 + 16L * inner, scale, target, at + 32 * group);
        }
    }

    static void mxfp4(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int block = 0; block < blocks; block++, offset += 17, at += 2 * HALF) {
            FloatVector scale = FloatVector.broadcast(FLOATS, Lanes.halfPower(source, offset));
            for (int i = 0; i < HALF; i += LENGTH) {
                IntVector codes = unsignedBytes(source, offset + 1, i);
                toFloats(e2m1(codes.and(15))).mul(scale).intoArray(target, at + i);
                toFloats(e2m1(codes.lanewise(VectorOperators.LSHR, 4)))
                        .mul(scale)
                        .intoArray(target, at + HALF + i);
            }
        }
    }

    private static void nonLinear(
            MemorySegment source, long codesAt, float scale, float[] target, int at) {
        for (int i = 0; i < HALF; i += LENGTH) {
            IntVector codes = unsignedBytes(source, codesAt, i);
            toFloats(nonLinear(codes.and(15))).mul(scale).intoArray(target, at + i);
            toFloats(nonLinear(codes.lanewise(VectorOperators.LSHR, 4)))
                    .mul(scale)
                    .intoArray(target, at + HALF + i);
        }
    }

    private static IntVector nonLinear(IntVector codes) {
        return select(codes, NON_LINEAR_0, NON_LINEAR_1, NON_LINEAR_2, NON_LINEAR_3);
    }

    private static IntVector e2m1(IntVector codes) {
        return select(codes, E2M1_0, E2M1_1, E2M1_2, E2M1_3);
    }

    private static IntVector select(
            IntVector codes, IntVector t0, IntVector t1, IntVector t2, IntVector t3) {
        if (LENGTH == 16) {
            return codes.selectFrom(t0);
        }
        IntVector place = codes.and(LENGTH - 1);
        IntVector found =
                place.selectFrom(t0)
                        .blend(place.selectFrom(t1), codes.compare(VectorOperators.GE, LENGTH));
        if (LENGTH == 8) {
            return found;
        }
        return found.blend(place.selectFrom(t2), codes.compare(VectorOperators.GE, 2 * LENGTH))
                .blend(place.selectFrom(t3), codes.compare(VectorOperators.GE, 3 * LENGTH));
    }

    private static IntVector part(CodeFormat format, int part) {
        byte[] table = CodeTables.of(format);
        int[] values = new int[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            values[i] = table[part * LENGTH + i];
        }
        return IntVector.fromArray(INTS, values, 0);
    }
}
