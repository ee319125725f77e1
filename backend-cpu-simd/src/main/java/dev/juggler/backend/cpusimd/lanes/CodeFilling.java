package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.juggler.backend.cpusimd.CodePanel;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Takes words apart into codes and integer scales, a weight row in each lane. Word {@code w} holds
 * four bytes of a row; its bytes 0 and 2 become the halves of one int, 1 and 3 of another.
 */
final class CodeFilling {
    private static final int NIBBLES = 0x000F000F;
    private static final int LOW_CODES = 0x0F0F0F0F;
    private static final int LOW_TWO = 0x00030003;
    private static final int BYTES_0_AND_2 = 0x00FF00FF;
    private static final int HIGHS = 0x00300030;
    private static final int FIFTHS = 0x00100010;

    /** Ints of a run of 32 codes. */
    private static final int RUN = CodePanel.RUN / 2 * LENGTH;

    private CodeFilling() {}

    /** Blocks of four words: low halves are the first 16 codes, high halves the last. */
    static void nibbles(int[] words, int count, int offset, int[] codes) {
        for (int i = 0; i < count; i++) {
            IntVector word = IntVector.fromArray(INTS, words, i * LENGTH);
            int to = i / 4 * RUN + i % 4 * 2 * LENGTH;
            less(word.and(NIBBLES), offset).intoArray(codes, to);
            less(word.lanewise(LSHR, 8).and(NIBBLES), offset).intoArray(codes, to + LENGTH);
            less(word.lanewise(LSHR, 4).and(NIBBLES), offset).intoArray(codes, to + 8 * LENGTH);
            less(word.lanewise(LSHR, 12).and(NIBBLES), offset).intoArray(codes, to + 9 * LENGTH);
        }
    }

    /**
     * Blocks of five words: bit c of the first is the fifth bit of code c, the others are as in
     * {@link #nibbles}.
     */
    static void fiveBits(int[] words, int runs, int offset, int[] codes) {
        for (int i = 0; i < 4 * runs; i++) {
            int run = i / 4;
            int place = i % 4;
            IntVector bits =
                    IntVector.fromArray(INTS, words, 5 * run * LENGTH).lanewise(LSHR, 4 * place);
            IntVector word = IntVector.fromArray(INTS, words, (5 * run + 1 + place) * LENGTH);
            int to = run * RUN + place * 2 * LENGTH;
            IntVector fifths = bits.and(15);
            fifths = fifths.lanewise(LSHL, 14).or(fifths);
            less(word.and(NIBBLES).or(fifths.lanewise(LSHL, 4).and(FIFTHS)), offset)
                    .intoArray(codes, to);
            less(
                            word.lanewise(LSHR, 8)
                                    .and(NIBBLES)
                                    .or(fifths.lanewise(LSHL, 3).and(FIFTHS)),
                            offset)
                    .intoArray(codes, to + LENGTH);
            fifths = bits.lanewise(LSHR, 16).and(15);
            fifths = fifths.lanewise(LSHL, 14).or(fifths);
            less(
                            word.lanewise(LSHR, 4)
                                    .and(NIBBLES)
                                    .or(fifths.lanewise(LSHL, 4).and(FIFTHS)),
                            offset)
                    .intoArray(codes, to + 8 * LENGTH);
            less(
                            word.lanewise(LSHR, 12)
                                    .and(NIBBLES)
                                    .or(fifths.lanewise(LSHL, 3).and(FIFTHS)),
                            offset)
                    .intoArray(codes, to + 9 * LENGTH);
        }
    }

    /** As {@link #nibbles}, codes being places in a table; words are from {@code at}. */
    static void table(int[] words, int at, int count, byte[] table, int[] codes) {
        ByteVector values = ByteVector.fromArray(Lanes.BYTES_OF_INTS, table, 0);
        for (int i = 0; i < count; i++) {
            IntVector word = IntVector.fromArray(INTS, words, at + i * LENGTH);
            int to = i / 4 * RUN + i % 4 * 2 * LENGTH;
            ShortVector found =
                    word.and(LOW_CODES)
                            .reinterpretAsBytes()
                            .selectFrom(values)
                            .reinterpretAsShorts();
            found.lanewise(LSHL, 8).lanewise(ASHR, 8).reinterpretAsInts().intoArray(codes, to);
            found.lanewise(ASHR, 8).reinterpretAsInts().intoArray(codes, to + LENGTH);
            found =
                    word.lanewise(LSHR, 4)
                            .and(LOW_CODES)
                            .reinterpretAsBytes()
                            .selectFrom(values)
                            .reinterpretAsShorts();
            found.lanewise(LSHL, 8)
                    .lanewise(ASHR, 8)
                    .reinterpretAsInts()
                    .intoArray(codes, to + 8 * LENGTH);
            found.lanewise(ASHR, 8).reinterpretAsInts().intoArray(codes, to + 9 * LENGTH);
        }
    }

    /**
     * Makes of codes of eight bits 16 · high + low, of which low has four bits and no sign, and of
     * their scales those of the high parts.
     */
    static void split(CodePanel panel) {
        for (int i = 0; i < CodePanel.COLUMNS / 2; i++) {
            IntVector pair = IntVector.fromArray(INTS, panel.codes, i * LENGTH);
            pair.and(NIBBLES).intoArray(panel.lowCodes, i * LENGTH);
            pair.reinterpretAsShorts()
                    .lanewise(ASHR, 4)
                    .reinterpretAsInts()
                    .intoArray(panel.highCodes, i * LENGTH);
        }
        for (int i = 0; i < CodePanel.COLUMNS / CodePanel.RUN; i++) {
            IntVector.fromArray(INTS, panel.scales, i * LENGTH)
                    .lanewise(LSHL, 4)
                    .intoArray(panel.highScales, i * LENGTH);
        }
    }

    /** Halves of ints as floats, the lower one first. */
    static void floats(int[] codes, int count, float[] floats) {
        for (int i = 0; i < count; i++) {
            IntVector pair = IntVector.fromArray(INTS, codes, i * LENGTH);
            int to = 2 * i * LENGTH;
            toFloats(pair.lanewise(LSHL, 16).lanewise(ASHR, 16)).intoArray(floats, to);
            toFloats(pair.lanewise(ASHR, 16)).intoArray(floats, to + LENGTH);
        }
    }

    /** Every byte is a code with its sign. */
    static void signedBytes(int[] words, int count, int[] codes) {
        for (int i = 0; i < count; i++) {
            IntVector word = IntVector.fromArray(INTS, words, i * LENGTH);
            int to = i * 2 * LENGTH;
            less(
                            word.and(0x00FF00FF)
                                    .lanewise(jdk.incubator.vector.VectorOperators.XOR, 0x00800080),
                            128)
                    .intoArray(codes, to);
            less(
                            word.lanewise(LSHR, 8)
                                    .and(0x00FF00FF)
                                    .lanewise(jdk.incubator.vector.VectorOperators.XOR, 0x00800080),
                            128)
                    .intoArray(codes, to + LENGTH);
        }
    }

    /** Eight words hold four runs, two bits of each byte for each. */
    static void q2(int[] words, int at, int[] codes) {
        for (int i = 0; i < 64; i++) {
            int run = i / 8;
            IntVector word =
                    IntVector.fromArray(INTS, words, at + (run / 4 * 8 + i % 8) * LENGTH)
                            .lanewise(LSHR, run % 4 * 2);
            int to = 2 * i * LENGTH;
            word.and(LOW_TWO).intoArray(codes, to);
            word.lanewise(LSHR, 8).and(LOW_TWO).intoArray(codes, to + LENGTH);
        }
    }

    /** As {@link #q2}; bit g of the bytes of the first eight words is the third bit of run g. */
    static void q3(int[] words, int at, int[] codes) {
        for (int i = 0; i < 64; i++) {
            int run = i / 8;
            IntVector word =
                    IntVector.fromArray(INTS, words, at + (run / 4 * 8 + i % 8) * LENGTH)
                            .lanewise(LSHR, run % 4 * 2);
            IntVector thirds =
                    IntVector.fromArray(INTS, words, i % 8 * LENGTH)
                            .lanewise(LSHR, run)
                            .and(0x01010101)
                            .lanewise(LSHL, 2);
            int to = 2 * i * LENGTH;
            less(word.and(LOW_TWO).or(thirds.and(BYTES_0_AND_2)), 4).intoArray(codes, to);
            less(
                            word.lanewise(LSHR, 8)
                                    .and(LOW_TWO)
                                    .or(thirds.lanewise(LSHR, 8).and(BYTES_0_AND_2)),
                            4)
                    .intoArray(codes, to + LENGTH);
        }
    }

    /** Eight words hold two runs: one in the low halves of their bytes, one in the high. */
    static void q4(int[] words, int at, int[] codes) {
        for (int i = 0; i < 32; i++) {
            IntVector word = IntVector.fromArray(INTS, words, at + i * LENGTH);
            int to = i / 8 * 2 * RUN + i % 8 * 2 * LENGTH;
            word.and(NIBBLES).intoArray(codes, to);
            word.lanewise(LSHR, 8).and(NIBBLES).intoArray(codes, to + LENGTH);
            word.lanewise(LSHR, 4).and(NIBBLES).intoArray(codes, to + RUN);
            word.lanewise(LSHR, 12).and(NIBBLES).intoArray(codes, to + RUN + LENGTH);
        }
    }

    /** As {@link #q4}; bit g of the bytes of eight other words is the fifth bit of run g. */
    static void q5(int[] words, int fifthsAt, int at, int[] codes) {
        for (int i = 0; i < 32; i++) {
            IntVector word = IntVector.fromArray(INTS, words, at + i * LENGTH);
            IntVector fifths =
                    IntVector.fromArray(INTS, words, fifthsAt + i % 8 * LENGTH)
                            .lanewise(LSHR, i / 8 * 2);
            IntVector odds = fifths.lanewise(LSHR, 8);
            int to = i / 8 * 2 * RUN + i % 8 * 2 * LENGTH;
            word.and(NIBBLES).or(fifths.lanewise(LSHL, 4).and(FIFTHS)).intoArray(codes, to);
            word.lanewise(LSHR, 8)
                    .and(NIBBLES)
                    .or(odds.lanewise(LSHL, 4).and(FIFTHS))
                    .intoArray(codes, to + LENGTH);
            word.lanewise(LSHR, 4)
                    .and(NIBBLES)
                    .or(fifths.lanewise(LSHL, 3).and(FIFTHS))
                    .intoArray(codes, to + RUN);
            word.lanewise(LSHR, 12)
                    .and(NIBBLES)
                    .or(odds.lanewise(LSHL, 3).and(FIFTHS))
                    .intoArray(codes, to + RUN + LENGTH);
        }
    }

    /**
     * Half of a block has sixteen words of low bits and eight of high ones: runs 0 and 2 share the
     * first eight words, 1 and 3 the others.
     */
    static void q6(int[] words, int[] codes) {
        for (int i = 0; i < 32; i++) {
            int half = i / 16;
            int second = i / 8 % 2;
            IntVector low = IntVector.fromArray(INTS, words, i * LENGTH);
            IntVector high =
                    IntVector.fromArray(INTS, words, (32 + half * 8 + i % 8) * LENGTH)
                            .lanewise(LSHR, 2 * second);
            int to = (4 * half + second) * RUN + i % 8 * 2 * LENGTH;
            less(low.and(NIBBLES).or(high.lanewise(LSHL, 4).and(HIGHS)), 32).intoArray(codes, to);
            less(low.lanewise(LSHR, 8).and(NIBBLES).or(high.lanewise(LSHR, 4).and(HIGHS)), 32)
                    .intoArray(codes, to + LENGTH);
            less(low.lanewise(LSHR, 4).and(NIBBLES).or(high.and(HIGHS)), 32)
                    .intoArray(codes, to + 2 * RUN);
            less(low.lanewise(LSHR, 12).and(NIBBLES).or(high.lanewise(LSHR, 8).and(HIGHS)), 32)
                    .intoArray(codes, to + 2 * RUN + LENGTH);
        }
    }

    private static IntVector less(IntVector codes, int offset) {
        return codes.reinterpretAsShorts().sub((short) offset).reinterpretAsInts();
    }

    /** Eight scales and eight minimums of six bits in three words. */
    static void sixBits(int[] words, int at, int[] scales, float[] minimums) {
        IntVector first = IntVector.fromArray(INTS, words, at);
        IntVector second = IntVector.fromArray(INTS, words, at + LENGTH);
        IntVector third = IntVector.fromArray(INTS, words, at + 2 * LENGTH);
        IntVector lastScales = third.and(0x0F0F0F0F).or(first.lanewise(LSHR, 2).and(0x30303030));
        IntVector lastMinimums =
                third.lanewise(LSHR, 4)
                        .and(0x0F0F0F0F)
                        .or(second.lanewise(LSHR, 2).and(0x30303030));
        for (int i = 0; i < 4; i++) {
            int to = i * LENGTH;
            first.lanewise(LSHR, 8 * i).and(63).intoArray(scales, to);
            lastScales.lanewise(LSHR, 8 * i).and(63).intoArray(scales, to + 4 * LENGTH);
            toFloats(second.lanewise(LSHR, 8 * i).and(63)).intoArray(minimums, to);
            toFloats(lastMinimums.lanewise(LSHR, 8 * i).and(63))
                    .intoArray(minimums, to + 4 * LENGTH);
        }
    }

    /** Every byte of four words holds a scale and a minimum of four bits. */
    static void fourBitScales(int[] words, int[] scales, float[] minimums) {
        for (int i = 0; i < 16; i++) {
            IntVector both =
                    IntVector.fromArray(INTS, words, i / 4 * LENGTH).lanewise(LSHR, i % 4 * 8);
            both.and(15).intoArray(scales, i * LENGTH);
            toFloats(both.lanewise(LSHR, 4).and(15)).intoArray(minimums, i * LENGTH);
        }
    }

    /** Sixteen scales of six bits in three words, 32 subtracted. */
    static void sixBitScales(int[] words, int at, int[] scales) {
        IntVector third = IntVector.fromArray(INTS, words, at + 2 * LENGTH);
        for (int i = 0; i < 16; i++) {
            IntVector low =
                    IntVector.fromArray(INTS, words, at + i / 4 % 2 * LENGTH)
                            .lanewise(LSHR, i % 4 * 8 + i / 8 * 4)
                            .and(15);
            IntVector high = third.lanewise(LSHR, i % 4 * 8 + i / 4 * 2).and(3);
            high.lanewise(LSHL, 4).or(low).sub(32).intoArray(scales, i * LENGTH);
        }
    }

    /** Eight scales of six bits, 32 subtracted: two bits in the first word, four in the second. */
    static void extraSmallScales(int[] words, int[] scales) {
        IntVector first = IntVector.fromArray(INTS, words, 0);
        IntVector second = IntVector.fromArray(INTS, words, LENGTH);
        for (int i = 0; i < 8; i++) {
            IntVector high = first.lanewise(LSHR, 16 + 2 * i).and(3).lanewise(LSHL, 4);
            second.lanewise(LSHR, 4 * i).and(15).or(high).sub(32).intoArray(scales, i * LENGTH);
        }
    }

    /** Every byte of four words is a scale with its sign. */
    static void byteScales(int[] words, int at, int[] scales) {
        for (int i = 0; i < 16; i++) {
            IntVector.fromArray(INTS, words, at + i / 4 * LENGTH)
                    .lanewise(LSHL, 24 - i % 4 * 8)
                    .lanewise(ASHR, 24)
                    .intoArray(scales, i * LENGTH);
        }
    }

    /** Halves as floats, a row in each lane. */
    static void halves(
            MemorySegment source, long offset, long stride, int rows, float[] target, int at) {
        for (int row = 0; row < LENGTH; row++) {
            target[at + row] = Lanes.half(source, offset + Math.min(row, rows - 1) * stride);
        }
    }

    /** Half of powers of two as MXFP4 stores them, a row in each lane. */
    static void halfPowers(
            MemorySegment source, long offset, long stride, int rows, float[] target, int at) {
        for (int row = 0; row < LENGTH; row++) {
            target[at + row] = Lanes.halfPower(source, offset + Math.min(row, rows - 1) * stride);
        }
    }
}
