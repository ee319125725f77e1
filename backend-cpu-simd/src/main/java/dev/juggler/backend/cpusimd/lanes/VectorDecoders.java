package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.RowDecoder;
import dev.juggler.backend.cpusimd.WorkerScratch;
import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/** Which vector decoder serves which type, and the common loop over blocks. */
final class VectorDecoders {
    private VectorDecoders() {}

    /** Decodes blocks to {@code target} from {@code at}. */
    @FunctionalInterface
    interface BlockLoop {
        void decode(MemorySegment source, long offset, int blocks, float[] target, int at);
    }

    static @Nullable RowDecoder of(DType dtype) {
        return switch (dtype) {
            case BF16 -> VectorDecoders::bf16;
            case Q8_0 -> rows(dtype, SmallBlockDecoders::q8Zero);
            case Q4_0 -> rows(dtype, SmallBlockDecoders::q4Zero);
            case Q4_1 -> rows(dtype, SmallBlockDecoders::q4One);
            case Q5_0 -> rows(dtype, SmallBlockDecoders::q5Zero);
            case Q5_1 -> rows(dtype, SmallBlockDecoders::q5One);
            case IQ4_NL -> rows(dtype, TableDecoders::iq4NonLinear);
            case IQ4_XS -> rows(dtype, TableDecoders::iq4ExtraSmall);
            case MXFP4 -> rows(dtype, TableDecoders::mxfp4);
            case Q2_K -> rows(dtype, KQuantDecoders::q2);
            case Q3_K -> rows(dtype, KQuantDecoders::q3);
            case Q4_K -> rows(dtype, KQuantDecoders::q4);
            case Q5_K -> rows(dtype, KQuantDecoders::q5);
            case Q6_K -> rows(dtype, KQuantDecoders::q6);
            default -> null;
        };
    }

    private static RowDecoder rows(DType dtype, BlockLoop loop) {
        int block = dtype.blockElements();
        return (source, offset, target, at, elements, scratch) ->
                loop.decode(source, offset, elements / block, target, at);
    }

    private static void bf16(
            MemorySegment source,
            long offset,
            float[] target,
            int at,
            int elements,
            WorkerScratch scratch) {
        int i = 0;
        for (; i + LENGTH <= elements; i += LENGTH) {
            Lanes.shorts(source, offset + 2L * i)
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .intoArray(target, at + i);
        }
        for (; i < elements; i++) {
            target[at + i] =
                    Float.intBitsToFloat(Lanes.unsignedShort(source, offset + 2L * i) << 16);
        }
    }

    /** The lanes' own numbers. */
    static IntVector laneNumbers() {
        return IntVector.zero(INTS).addIndex(1);
    }
}
