package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Takes apart a chunk of one weight row into its lane of a panel, in plain code. The layouts of the
 * blocks are told in {@code dev.juggler.kernel.quant}.
 */
final class ScalarCodeFilling {
    private static final int NIBBLES = 0x000F000F;
    private static final int LOWEST = 0x00010001;
    private static final int LOW_TWO = 0x00030003;

    private final byte[] stored;
    private final CodePanel panel;
    private final int height;
    private final int row;

    private ScalarCodeFilling(CodePanel panel, int height, int row) {
        stored = panel.stored;
        this.panel = panel;
        this.height = height;
        this.row = row;
    }

    static void fill(
            CodeFormat format,
            MemorySegment source,
            long from,
            int runs,
            CodePanel panel,
            int height,
            int row) {
        int blocks = runs * CodePanel.RUN / format.blockElements();
        int bytes = Math.max(1, blocks) * format.blockBytes();
        // At once, because single looks at a memory segment are slow until they are compiled.
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, from, panel.stored, 0, bytes);
        ScalarCodeFilling filling = new ScalarCodeFilling(panel, height, row);
        switch (format) {
            case Q4_0, Q4_1 -> filling.nibbles(format, runs);
            case Q5_0, Q5_1 -> filling.fiveBits(format, runs);
            case Q8_0 -> filling.q8Zero(runs);
            case IQ4_NL, MXFP4 -> filling.table(format, runs);
            case Q2_K -> filling.q2();
            case Q3_K -> filling.q3();
            case Q4_K -> filling.q4();
            case Q5_K -> filling.q5();
            case Q6_K -> filling.q6();
            case IQ4_XS -> filling.extraSmall();
        }
    }

    private void nibbles(CodeFormat format, int runs) {
        int offset = format.offset();
        for (int run = 0; run < runs; run++) {
            int block = run * format.blockBytes();
            header(format, run, block);
            for (int i = 0; i < 4; i++) {
                int low = word(block + format.headerBytes(), i);
                int high = low >>> 4;
                put(run, i, less(evens(low), offset), less(odds(low), offset));
                put(run, i + 4, less(evens(high), offset), less(odds(high), offset));
            }
        }
    }

    /** As {@link #nibbles}; bit c of a word before them is the fifth bit of code c. */
    private void fiveBits(CodeFormat format, int runs) {
        int offset = format.offset();
        for (int run = 0; run < runs; run++) {
            int block = run * format.blockBytes();
            header(format, run, block);
            int fifths = word(block + format.headerBytes(), 0);
            for (int i = 0; i < 4; i++) {
                int low = word(block + format.headerBytes(), 1 + i);
                fifths(run, i, low, fifths >>> (4 * i), offset);
                fifths(run, i + 4, low >>> 4, fifths >>> (16 + 4 * i), offset);
            }
        }
    }

    /** Puts the low halves of four bytes with a fifth bit each, of which the four lowest count. */
    private void fifths(int run, int word, int codes, int bits, int offset) {
        int even = evens(codes) | (bits & 1) << 4 | (bits & 4) << 18;
        int odd = odds(codes) | (bits & 2) << 3 | (bits & 8) << 17;
        put(run, word, less(even, offset), less(odd, offset));
    }

    /** Codes are places in a table. */
    private void table(CodeFormat format, int runs) {
        byte[] table = CodeTables.of(format);
        for (int run = 0; run < runs; run++) {
            int block = run * format.blockBytes();
            header(format, run, block);
            lookUp(run, block + format.headerBytes(), table);
        }
    }

    private static int found(byte[] table, int codes) {
        return (table[codes & 15] & 0xFFFF) | table[codes >>> 16] << 16;
    }

    /** The scale of a block of 32, and its minimum. */
    private void header(CodeFormat format, int run, int block) {
        int to = run * height + row;
        panel.blockScales[to] =
                format == CodeFormat.MXFP4
                        ? CodeTables.halfPower(stored[block] & 0xFF)
                        : half(block);
        if (format.hasMinimums()) {
            panel.blockMinimums[to] = half(block + 2);
        }
    }

    private void q8Zero(int runs) {
        for (int run = 0; run < runs; run++) {
            int block = 34 * run;
            header(CodeFormat.Q8_0, run, block);
            for (int i = 0; i < 8; i++) {
                int word = word(block + 2, i);
                put(run, i, signedBytes(word), signedBytes(word >>> 8));
            }
        }
    }

    private void q2() {
        panel.blockScales[row] = half(80);
        panel.blockMinimums[row] = half(82);
        for (int i = 0; i < 16; i++) {
            panel.scales[i * height + row] = stored[i] & 15;
            panel.minimums[i * height + row] = (stored[i] & 0xFF) >>> 4;
        }
        for (int i = 0; i < 64; i++) {
            int run = i / 8;
            int low = word(16 + run / 4 * 32, i % 8) >>> (2 * (run % 4));
            put(run, i % 8, low & LOW_TWO, (low >>> 8) & LOW_TWO);
        }
    }

    private void q3() {
        panel.blockScales[row] = half(108);
        for (int i = 0; i < 16; i++) {
            // Four bits are in the first eight bytes, two in the last four.
            int low = (stored[96 + i % 8] >> (i / 8 * 4)) & 15;
            int high = (stored[104 + i % 4] >> (i / 4 * 2)) & 3;
            panel.scales[i * height + row] = (low | high << 4) - 32;
        }
        for (int i = 0; i < 64; i++) {
            int run = i / 8;
            int low = word(32 + run / 4 * 32, i % 8) >>> (2 * (run % 4));
            int high = word(0, i % 8) >>> run;
            int even = (low & LOW_TWO) | (high & LOWEST) << 2;
            int odd = ((low >>> 8) & LOW_TWO) | ((high >>> 8) & LOWEST) << 2;
            put(run, i % 8, less(even, 4), less(odd, 4));
        }
    }

    private void q4() {
        sixBits();
        for (int i = 0; i < 32; i++) {
            int low = word(16, i);
            int high = low >>> 4;
            int run = i / 8 * 2;
            put(run, i % 8, evens(low), odds(low));
            put(run + 1, i % 8, evens(high), odds(high));
        }
    }

    private void q5() {
        sixBits();
        for (int i = 0; i < 32; i++) {
            int low = word(48, i);
            int high = low >>> 4;
            int run = i / 8 * 2;
            int fifths = word(16, i % 8) >>> run;
            put(run, i % 8, evens(low) | fifth(fifths), odds(low) | fifth(fifths >>> 8));
            fifths >>>= 1;
            put(run + 1, i % 8, evens(high) | fifth(fifths), odds(high) | fifth(fifths >>> 8));
        }
    }

    private static int fifth(int bits) {
        return (bits & LOWEST) << 4;
    }

    /** Scales and minimums of six bits and their factors, as Q4_K and Q5_K have them. */
    private void sixBits() {
        panel.blockScales[row] = half(0);
        panel.blockMinimums[row] = half(2);
        int first = word(4, 0);
        int second = word(4, 1);
        int third = word(4, 2);
        for (int i = 0; i < 4; i++) {
            int from = 8 * i;
            int to = i * height + row;
            int later = (4 + i) * height + row;
            panel.scales[to] = (first >>> from) & 63;
            panel.minimums[to] = (second >>> from) & 63;
            // Four bits are in the third word, two on top of the first ones.
            panel.scales[later] = ((third >>> from) & 15) | ((first >>> (from + 6)) & 3) << 4;
            panel.minimums[later] =
                    ((third >>> (from + 4)) & 15) | ((second >>> (from + 6)) & 3) << 4;
        }
    }

    private void q6() {
        panel.blockScales[row] = half(208);
        for (int i = 0; i < 16; i++) {
            panel.scales[i * height + row] = (byte) (word(192, i / 4) >> (i % 4 * 8));
            int run = i / 8 * 4;
            int lows = 64 * (i / 8);
            int highs = word(128, i);
            for (int j = 0; j < 4; j++) {
                int low = word(lows, i % 8 + j % 2 * 8) >>> (j / 2 * 4);
                int high = highs >>> (2 * j);
                int even = evens(low) | (high & LOW_TWO) << 4;
                int odd = odds(low) | ((high >>> 8) & LOW_TWO) << 4;
                put(run + j, i % 8, less(even, 32), less(odd, 32));
            }
        }
    }

    private void extraSmall() {
        panel.blockScales[row] = half(0);
        byte[] table = CodeTables.of(CodeFormat.IQ4_XS);
        for (int run = 0; run < 8; run++) {
            int low = (stored[4 + run / 2] >> (run % 2 * 4)) & 15;
            int high = (unsignedShort(2) >> (2 * run)) & 3;
            panel.scales[run * height + row] = (low | high << 4) - 32;
            lookUp(run, 8 + 16 * run, table);
        }
    }

    /** Sixteen bytes whose low halves are the first 16 codes, places in a table. */
    private void lookUp(int run, int at, byte[] table) {
        for (int i = 0; i < 4; i++) {
            int low = word(at, i);
            int high = low >>> 4;
            put(run, i, found(table, evens(low)), found(table, odds(low)));
            put(run, i + 4, found(table, evens(high)), found(table, odds(high)));
        }
    }

    private void put(int run, int word, int even, int odd) {
        int to = 2 * (8 * run + word) * height + row;
        panel.codes[to] = even;
        panel.codes[to + height] = odd;
    }

    /** Low halves of bytes 0 and 2. */
    private static int evens(int word) {
        return word & NIBBLES;
    }

    /** Low halves of bytes 1 and 3. */
    private static int odds(int word) {
        return (word >>> 8) & NIBBLES;
    }

    /** Two codes, each less {@code offset}. */
    private static int less(int codes, int offset) {
        return (((codes & 0xFFFF) - offset) & 0xFFFF) | ((codes >>> 16) - offset) << 16;
    }

    /** Bytes 0 and 2 with their signs. */
    private static int signedBytes(int word) {
        return ((byte) word & 0xFFFF) | (byte) (word >>> 16) << 16;
    }

    /** Word {@code index} from byte {@code at}. */
    private int word(int at, int index) {
        int first = at + 4 * index;
        return unsignedShort(first) | unsignedShort(first + 2) << 16;
    }

    private int unsignedShort(int at) {
        return (stored[at] & 0xFF) | (stored[at + 1] & 0xFF) << 8;
    }

    private float half(int at) {
        return Float.float16ToFloat((short) unsignedShort(at));
    }
}
