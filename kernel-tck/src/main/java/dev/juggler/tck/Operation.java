package dev.juggler.tck;

/** The operations of {@link dev.juggler.kernel.Kernels}, as tolerances name them. */
public enum Operation {
    EMBED,
    MATMUL,
    MATMUL_BY_EXPERT,
    ADD_BY_EXPERT,
    ROUTE,
    COMBINE_EXPERTS,
    RMS_NORM,
    ROPE,
    APPEND_KV,
    ATTENTION,
    GATE,
    ADD,
    ADD_SIGMOID_SCALED,
    GATHER_ROWS,
    COPY_COLUMNS,
    PASTE_COLUMNS,
    MATMUL_BY_HEAD,
    MATMUL_BY_HEAD_TRANSPOSED,
    READ_KEYS,
    ADD_RMS_NORM,
    PROJECT,
    FEED_FORWARD,
    EXPERTS,
    MIXTURE_OF_EXPERTS
}
