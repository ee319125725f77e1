package dev.juggler.backend.cpusimd;

/**
 * Plain loops over rows. The compiler makes vector code of these by itself, and they are fast
 * enough before it has.
 */
final class RowLoops {
    private RowLoops() {}

    /** {@code a[aAt + i] += b[bAt + i]}. */
    static void add(float[] a, int aAt, float[] b, int bAt, int count) {
        for (int i = 0; i < count; i++) {
            a[aAt + i] += b[bAt + i];
        }
    }

    /** {@code sum[i] += factor · y[at + i]}, fused. */
    static void addScaled(float[] sum, float[] y, int at, float factor, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] = Math.fma(factor, y[at + i], sum[i]);
        }
    }

    /** {@code values[at + i] *= factor}. */
    static void scale(float[] values, int at, float factor, int count) {
        for (int i = at; i < at + count; i++) {
            values[i] *= factor;
        }
    }

    /** {@code x[i] = x[i] · factor · weight[i]}. */
    static void scaleBy(float[] x, float[] weight, float factor, int count) {
        for (int i = 0; i < count; i++) {
            x[i] = x[i] * factor * weight[i];
        }
    }

    /** The sum of squares, in double. */
    static double squares(float[] x, int count) {
        // Four sums, since each addition would otherwise wait for the one before.
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 3 < count; i += 4) {
            s0 += (double) x[i] * x[i];
            s1 += (double) x[i + 1] * x[i + 1];
            s2 += (double) x[i + 2] * x[i + 2];
            s3 += (double) x[i + 3] * x[i + 3];
        }
        for (; i < count; i++) {
            s0 += (double) x[i] * x[i];
        }
        return (s0 + s1) + (s2 + s3);
    }

    /** The sum of {@code count} elements, a multiple of 8. */
    static float sum(float[] x, int at, int count) {
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        float s4 = 0;
        float s5 = 0;
        float s6 = 0;
        float s7 = 0;
        for (int i = at; i < at + count; i += 8) {
            s0 += x[i];
            s1 += x[i + 1];
            s2 += x[i + 2];
            s3 += x[i + 3];
            s4 += x[i + 4];
            s5 += x[i + 5];
            s6 += x[i + 6];
            s7 += x[i + 7];
        }
        return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7));
    }

    /** The largest of {@code [from, to)}, which is not empty. */
    static float largest(float[] x, int from, int to) {
        // Four of them, since each comparison would otherwise wait for the one before.
        float m0 = x[from];
        float m1 = m0;
        float m2 = m0;
        float m3 = m0;
        int i = from + 1;
        for (; i + 3 < to; i += 4) {
            m0 = Math.max(m0, x[i]);
            m1 = Math.max(m1, x[i + 1]);
            m2 = Math.max(m2, x[i + 2]);
            m3 = Math.max(m3, x[i + 3]);
        }
        for (; i < to; i++) {
            m0 = Math.max(m0, x[i]);
        }
        return Math.max(Math.max(m0, m1), Math.max(m2, m3));
    }
}
