package dev.juggler.tck;

import dev.juggler.kernel.DType;

/** How far results of a kind of backend may be from the reference. */
public enum Limits {
    /** Backends that compute in F32. Keys and values in fewer bits may differ in the last one. */
    EXACT {
        @Override
        public Tolerance of(Operation operation, DType dtype) {
            boolean isStored = operation == Operation.APPEND_KV;
            if (!isStored && operation != Operation.PROJECT) {
                return Tolerance.F32;
            }
            return switch (dtype) {
                case F32 -> isStored ? Tolerance.EXACT : Tolerance.F32;
                case F16 -> new Tolerance(1e-3, 1e-4);
                case BF16 -> new Tolerance(8e-3, 1e-3);
                default -> new Tolerance(3e-2, 3e-3);
            };
        }
    },

    /**
     * Backends that round activations: to 8 bits before they multiply with quantized weights, to
     * halves before they multiply with others and for attention over a cache that is not F32.
     */
    ROUNDED {
        @Override
        public Tolerance of(Operation operation, DType dtype) {
            return switch (operation) {
                case MATMUL, MATMUL_BY_EXPERT, MATMUL_BY_HEAD ->
                        switch (dtype) {
                            case F32 -> Tolerance.F32;
                            case F16, BF16 -> Tolerance.BF16_ACTIVATIONS;
                            default -> Tolerance.INT8_ACTIVATIONS;
                        };
                case FEED_FORWARD, EXPERTS, MIXTURE_OF_EXPERTS ->
                        dtype == DType.F32 ? Tolerance.F32 : TWO_PRODUCTS;
                case PROJECT -> dtype == DType.F32 ? Tolerance.F32 : Tolerance.ROUNDED_AND_STORED;
                case ATTENTION -> dtype == DType.F32 ? Tolerance.F32 : HALVES;
                default -> EXACT.of(operation, dtype);
            };
        }
    };

    /** The error of a rounded product passes through a second one; a wrong row is off by 1. */
    private static final Tolerance TWO_PRODUCTS = new Tolerance(0.4, 0.08);

    /** Queries, keys, probabilities and values are halves, their sums are not. */
    private static final Tolerance HALVES = new Tolerance(5e-3, 1e-3);

    /**
     * The tolerance of a result.
     *
     * @param operation what is computed
     * @param dtype type of the weight or of the cache, F32 for operations that have neither; of the
     *     weight where there are both, unless that is F32
     */
    public abstract Tolerance of(Operation operation, DType dtype);
}
