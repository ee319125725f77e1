package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.CodeTables;
import java.lang.foreign.MemorySegment;

/** Where the words of each format's blocks lie, and what of a panel is made of them. */
final class PanelFilling {
    /** Where the words of codes start in a panel of Q4_K. */
    private static final int CODES_OF_Q4_K = 4 * LENGTH;

    private PanelFilling() {}

    /** See {@link VectorCodeLoops#fill}. */
    static void fill(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int runs,
            CodePanel panel) {
        int[] words = panel.words;
        float[] scales = panel.blockScales;
        switch (format) {
            case Q4_0, Q4_1 -> {
                blocks(format, source, offset, stride, rows, runs, panel);
                CodeFilling.nibbles(words, 4 * runs, format.offset(), panel.codes);
            }
            case Q5_0, Q5_1 -> {
                blocks(format, source, offset, stride, rows, runs, panel);
                CodeFilling.fiveBits(words, runs, format.offset(), panel.codes);
            }
            case IQ4_NL, MXFP4 -> {
                blocks(format, source, offset, stride, rows, runs, panel);
                CodeFilling.table(words, 0, 4 * runs, CodeTables.of(format), panel.codes);
            }
            case Q8_0 -> {
                blocks(format, source, offset, stride, rows, runs, panel);
                CodeFilling.signedBytes(words, 8 * runs, panel.codes);
            }
            case Q2_K -> {
                // 4 words of scales and minimums, 16 of codes.
                WordColumns.load(source, offset, stride, rows, 20, words, 0);
                CodeFilling.q2(words, 4 * LENGTH, panel.codes);
                CodeFilling.fourBitScales(words, panel.scales, panel.minimums);
                CodeFilling.halves(source, offset + 80, stride, rows, scales, 0);
                CodeFilling.halves(source, offset + 82, stride, rows, panel.blockMinimums, 0);
            }
            case Q3_K -> {
                // 8 words of third bits, 16 of low ones, 3 of scales.
                WordColumns.load(source, offset, stride, rows, 27, words, 0);
                CodeFilling.q3(words, 8 * LENGTH, panel.codes);
                CodeFilling.sixBitScales(words, 24 * LENGTH, panel.scales);
                CodeFilling.halves(source, offset + 108, stride, rows, scales, 0);
            }
            case Q4_K -> {
                WordColumns.load(source, offset + 4, stride, rows, 3, words, 0);
                WordColumns.load(source, offset + 16, stride, rows, 32, words, CODES_OF_Q4_K);
                CodeFilling.sixBits(words, 0, panel.scales, panel.minimums);
                CodeFilling.halves(source, offset, stride, rows, scales, 0);
                CodeFilling.halves(source, offset + 2, stride, rows, panel.blockMinimums, 0);
                CodeFilling.q4(words, CODES_OF_Q4_K, panel.codes);
            }
            case Q5_K -> {
                WordColumns.load(source, offset + 4, stride, rows, 3, words, 0);
                WordColumns.load(source, offset + 16, stride, rows, 40, words, 4 * LENGTH);
                CodeFilling.sixBits(words, 0, panel.scales, panel.minimums);
                CodeFilling.q5(words, 4 * LENGTH, 12 * LENGTH, panel.codes);
                CodeFilling.halves(source, offset, stride, rows, scales, 0);
                CodeFilling.halves(source, offset + 2, stride, rows, panel.blockMinimums, 0);
            }
            case Q6_K -> {
                // 32 words of low bits, 16 of high ones, 4 of scales.
                WordColumns.load(source, offset, stride, rows, 52, words, 0);
                CodeFilling.q6(words, panel.codes);
                CodeFilling.byteScales(words, 48 * LENGTH, panel.scales);
                CodeFilling.halves(source, offset + 208, stride, rows, scales, 0);
            }
            case IQ4_XS -> {
                // The scale and two bits of the inner ones, four bits of them, 32 words of codes.
                WordColumns.load(source, offset, stride, rows, 34, words, 0);
                CodeFilling.extraSmallScales(words, panel.scales);
                CodeFilling.table(words, 2 * LENGTH, 32, CodeTables.of(format), panel.codes);
                CodeFilling.halves(source, offset, stride, rows, scales, 0);
            }
        }
    }

    /** Codes, scales and minimums of blocks of 32. */
    private static void blocks(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int runs,
            CodePanel panel) {
        int bytes = format.blockBytes();
        int header = format.headerBytes();
        int count = (bytes - header) / Integer.BYTES;
        float[] scales = panel.blockScales;
        for (int run = 0; run < runs; run++) {
            long block = offset + (long) run * bytes;
            int at = run * LENGTH;
            WordColumns.load(source, block + header, stride, rows, count, panel.words, count * at);
            if (format == CodeFormat.MXFP4) {
                CodeFilling.halfPowers(source, block, stride, rows, scales, at);
            } else {
                CodeFilling.halves(source, block, stride, rows, scales, at);
            }
            if (format.hasMinimums()) {
                CodeFilling.halves(source, block + 2, stride, rows, panel.blockMinimums, at);
            }
        }
    }
}
