package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * The paged key-value cache of one layer on one device. Slot s is row {@code s % pageSize} of page
 * {@code s / pageSize}.
 *
 * @param keys [pages, pageSize, keyWidth], keyWidth = kvHeads · width of a key
 * @param values [pages, pageSize, valueWidth], or null where the values are the first {@code
 *     plan.valueWidth} elements of the keys (latent attention, DeepSeek-V2, arXiv:2405.04434)
 * @param pageSize positions of a page
 * @param precision the type whose precision was asked for: what is stored in a finer one may be
 *     rounded to it where that is faster
 */
public record KvPages(Tensor keys, @Nullable Tensor values, int pageSize, DType precision) {
    /** As precise as keys are stored. */
    public KvPages(Tensor keys, @Nullable Tensor values, int pageSize) {
        this(keys, values, pageSize, keys.dtype());
    }

    public KvPages {
        if (keys.rows() != pageSize
                || (values != null
                        && (values.rows() != pageSize || values.count() != keys.count()))) {
            throw new IllegalArgumentException(
                    "pages of %d positions do not fit keys %s and values %s"
                            .formatted(
                                    pageSize,
                                    keys.shape(),
                                    values == null ? "none" : values.shape()));
        }
    }

    /** Number of pages. */
    public int pages() {
        return keys.count();
    }
}
