package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Takes apart a chunk of one weight row into its lane of a panel, in plain code. The layouts of the
 * blocks are told in {@code dev.juggler.kernel.quant}.
 */
final class ScalarCodeFilling {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int NIBBLES = 0x000F000F;
    private static final int LOWEST = 0x00010001;
    private static final int LOW_TWO = 0x00030003;

    private final short[] stored;
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
        int shorts = Math.max(1, blocks) * format.blockBytes() / Short.BYTES;
        // At once, because single looks at a memory segment are slow until they are compiled.
        MemorySegment.copy(source, SHORT, from, panel.stored, 0, shorts);
        ScalarCodeFilling filling = new ScalarCodeFilling(panel, height, row);
        switch (format) {
            case Q4_0 -> filling.q4Zero(runs);
            case Q8_0 -> filling.q8Zero(runs);
            case Q4_K -> filling.q4();
            case Q5_K -> filling.q5();
            case Q6_K -> filling.q6();
        }
    }

    private void q4Zero(int runs) {
        for (int run = 0; run < runs; run++) {
            int block = 18 * run;
            panel.blockScales[run * height + row] = half(block);
            for (int i = 0; i < 4; i++) {
                int low = word(block + 2, i);
                int high = low >>> 4;
                put(run, i, less(evens(low), 8), less(odds(low), 8));
                put(run, i + 4, less(evens(high), 8), less(odds(high), 8));
            }
        }
    }

    private void q8Zero(int runs) {
        for (int run = 0; run < runs; run++) {
            int block = 34 * run;
            panel.blockScales[run * height + row] = half(block);
            for (int i = 0; i < 8; i++) {
                int word = word(block + 2, i);
                put(run, i, signedBytes(word), signedBytes(word >>> 8));
            }
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

    /** Word {@code index} from byte {@code at}, which is even. */
    private int word(int at, int index) {
        int first = at / Short.BYTES + 2 * index;
        return (stored[first] & 0xFFFF) | stored[first + 1] << 16;
    }

    private float half(int at) {
        return Float.float16ToFloat(stored[at / Short.BYTES]);
    }
}
