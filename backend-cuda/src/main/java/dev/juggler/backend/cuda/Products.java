package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Family;
import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Matrix products. Few rows read each weight once, near the speed of memory; many go through tensor
 * cores, by kernels of our own or NVIDIA's, or through F32 sums where nothing may be rounded.
 */
final class Products {
    /** Up to so many rows of x are multiplied straight from the weight's blocks. */
    static final int FEW = 8;

    /** Of rarer types each row reads the weight by itself. */
    private static final int RARE_FEW = 4;

    /** Types that whole models are stored in, whose kernels are made for more shapes. */
    private static final Set<DType> COMMON =
            Collections.unmodifiableSet(
                    EnumSet.of(
                            DType.Q4_0,
                            DType.Q4_1,
                            DType.Q5_0,
                            DType.Q5_1,
                            DType.Q8_0,
                            DType.IQ4_NL,
                            DType.IQ4_XS,
                            DType.MXFP4,
                            DType.Q2_K,
                            DType.Q3_K,
                            DType.Q4_K,
                            DType.Q5_K,
                            DType.Q6_K));

    private static final int FLOAT_TILE = 64;

    /** Kernels for few rows: threads of a block, and rows of the weight that it multiplies. */
    private static final int FEW_BLOCK = 128;

    private static final int FEW_WEIGHT_ROWS = 8;

    /** Weights of one launch. */
    private static final int MOST_TOGETHER = 3;

    private final Card card;
    private final LaunchQueue queue;
    private final Rounding rounding;
    private final ExpertGroups groups;
    private final VendorProducts vendor;
    private final Family few;
    private final Family many;
    private final Kernel fewFloat;
    private final Kernel manyFloat;
    private final Kernel transposed;

    Products(Card card, Rounding rounding) {
        this.card = card;
        this.rounding = rounding;
        queue = card.queue;
        groups = new ExpertGroups(card);
        vendor = card.vendorProducts();
        few = card.module.family("multiply_few");
        many = card.module.family("multiply_many");
        fewFloat = card.module.kernel("multiply_few_float");
        manyFloat = card.module.kernel("multiply_many_float");
        transposed = card.module.kernel("multiply_transposed");
    }

    void matmul(Tensor out, Tensor x, Tensor weight) {
        multiply(product(out, x, weight));
    }

    /** {@code out = x · weightᵀ}. */
    Product product(Tensor out, Tensor x, Tensor weight) {
        return new Product(
                card.address(out),
                card.address(x),
                card.address(weight),
                weight.dtype(),
                0,
                out.rows(),
                out.columns(),
                x.columns(),
                1,
                1,
                0);
    }

    void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        multiply(byExpert(card.address(out), x.rows(), card.address(x), stack, ids));
    }

    /**
     * @param xRows as many as ids has rows, or as many as it has elements
     */
    Product byExpert(long out, int xRows, long x, Tensor stack, Tensor ids) {
        return new Product(
                out,
                x,
                card.address(stack),
                stack.dtype(),
                card.address(ids),
                ids.rows() * ids.columns(),
                stack.rows(),
                stack.columns(),
                xRows == ids.rows() ? ids.columns() : 1,
                stack.count(),
                stack.matrixBytes());
    }

    void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        multiply(
                new Product(
                        card.address(out),
                        card.address(x),
                        card.address(stack) + first * stack.rowBytes(),
                        stack.dtype(),
                        0,
                        out.rows(),
                        out.columns(),
                        x.columns(),
                        out.rows() == 0 ? 1 : out.rows() / x.rows(),
                        stack.count(),
                        stack.matrixBytes()));
    }

    void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        if (out.rows() == 0) {
            return;
        }
        int ofHead = out.rows() / stack.count();
        queue.kernel(transposed)
                .pointer(card.address(out))
                .pointer(card.address(stack) + first * stack.rowBytes())
                .pointer(card.address(x))
                .number(out.rows())
                .number(x.columns())
                .number(out.columns())
                .number(out.rows() / x.rows())
                .number(stack.count())
                .wide(stack.matrixBytes())
                .number(stack.dtype().ggmlId())
                .launch(
                        ceil(out.columns(), FLOAT_TILE),
                        ceil(ofHead, FLOAT_TILE),
                        stack.count(),
                        256,
                        0);
    }

    /** Any product. */
    void multiply(Product product) {
        if (product.rows() == 0) {
            return;
        }
        if (product.ids() != 0 ? isFewChoices(product) : isFew(product)) {
            multiplyFew(product, roundedForFew(product));
        } else if (isFloat(product.type())) {
            multiplyManyFloats(product, tiles(product, FLOAT_TILE));
        } else {
            int tile = tileRows(product);
            multiplyMany(product, halved(product), tiles(product, tile), tile);
        }
    }

    /**
     * Products of the same rows with up to three weights, without experts: rows are rounded once,
     * and where they are few, weights of one type are one launch.
     */
    void multiplyAll(Product... all) {
        boolean few = true;
        boolean halves = true;
        for (Product product : all) {
            few &= isFew(product);
            halves &= !isFew(product) && !isFloat(product.type());
        }
        if (all[0].rows() > 0 && few) {
            multiplyFewOfAll(all);
        } else if (all[0].rows() > 0 && halves) {
            long rounded = halved(all[0]);
            for (Product product : all) {
                multiplyMany(product, rounded, ExpertGroups.Tiles.NONE, tileRows(product));
            }
        } else {
            for (Product product : all) {
                multiply(product);
            }
        }
    }

    private void multiplyFewOfAll(Product... all) {
        long codes = 0;
        for (Product product : all) {
            if (codes == 0 && !isPlain(product.type())) {
                codes = roundedForFew(product);
            }
        }
        boolean[] done = new boolean[all.length];
        for (int i = 0; i < all.length; i++) {
            if (!done[i]) {
                List<Product> alike = new ArrayList<>();
                for (int j = i; j < all.length; j++) {
                    if (all[j].type() == all[i].type()) {
                        alike.add(all[j]);
                        done[j] = true;
                    }
                }
                multiplyFew(alike, isPlain(all[i].type()) ? all[i].x() : codes);
            }
        }
    }

    /** Whether experts are so few that reading one for each choice is right. */
    static boolean isFewChoices(Product product) {
        return product.rows() <= FEW * FEW;
    }

    /** Whether activations stay F32 for few rows of this type. */
    boolean isPlain(DType type) {
        return !type.isQuantized() || card.options.exact();
    }

    /** Whether they stay F32 for many rows. */
    boolean isFloat(DType type) {
        return type == DType.F32 || card.options.exact();
    }

    /** The rows of x as kernels for few rows take them. */
    long roundedForFew(Product product) {
        return isPlain(product.type())
                ? product.x()
                : rounding.codes(product.x(), product.inputRows(), product.k());
    }

    /** The rows of x as tensor cores take them. */
    long halved(Product product) {
        return rounding.halves(product.x(), product.inputRows(), product.k());
    }

    /** Whether a product without experts takes the kernels for few rows. */
    boolean isFew(Product product) {
        return product.rowsOfMatrix() <= few(product.type());
    }

    /** Rows of a tile of a product on tensor cores. */
    static int tileRows(Product product) {
        int each =
                product.ids() == 0 ? product.rowsOfMatrix() : product.rows() / product.matrices();
        return each > 64 && !isRare(product.type()) ? 128 : 32;
    }

    /** How the rows of each expert are cut into tiles; nothing where there are no experts. */
    ExpertGroups.Tiles tiles(Product product, int tileRows) {
        return product.ids() == 0
                ? ExpertGroups.Tiles.NONE
                : groups.of(product.ids(), product.rows(), product.matrices(), tileRows);
    }

    void multiplyFew(Product product, long x) {
        multiplyFew(List.of(product), x);
    }

    /**
     * Products that differ in their weights, of one type, and results only.
     *
     * @param x the rows as {@link #roundedForFew} gives them
     */
    private void multiplyFew(List<Product> alike, long x) {
        Product first = alike.getFirst();
        if (card.options.exact() && first.type().isQuantized()) {
            for (Product product : alike) {
                fewOperands(fewFloat, product, x).number(product.type().ggmlId());
                queue.launch(ceil(product.n(), FEW_WEIGHT_ROWS), product.rows(), FEW_BLOCK);
            }
            return;
        }
        int together = first.ids() == 0 && first.matrices() == 1 ? together(first) : 1;
        fewOperands(few.of(first.type(), together), first, x);
        long blocks = ceil(first.n(), FEW_WEIGHT_ROWS);
        for (int i = 1; i < MOST_TOGETHER; i++) {
            Product product = i < alike.size() ? alike.get(i) : null;
            queue.pointer(product == null ? 0 : product.out())
                    .pointer(product == null ? 0 : product.weight())
                    .number(product == null ? 0 : product.n());
            blocks += product == null ? 0 : ceil(product.n(), FEW_WEIGHT_ROWS);
        }
        queue.launch(blocks, ceil(first.rows(), together), FEW_BLOCK);
    }

    private LaunchQueue fewOperands(Kernel kernel, Product product, long x) {
        return queue.kernel(kernel)
                .pointer(product.out())
                .pointer(product.weight())
                .pointer(x)
                .pointer(product.ids())
                .number(product.rows())
                .number(product.n())
                .number(product.k())
                .number(product.share())
                .number(product.matrices())
                .wide(product.matrixBytes());
    }

    /** Rows that share one reading of the weight, as there are kernels for. */
    private static int together(Product product) {
        if (product.rows() == 1 || isRare(product.type())) {
            return 1;
        }
        return product.rows() > 4 && COMMON.contains(product.type()) ? 8 : 4;
    }

    private static boolean isRare(DType type) {
        return type.isQuantized() && !COMMON.contains(type);
    }

    /** Most rows of a matrix that are multiplied straight from the weight's blocks. */
    private int few(DType type) {
        return isRare(type) && !card.options.exact() ? RARE_FEW : FEW;
    }

    void multiplyMany(Product product, long halves, ExpertGroups.Tiles tiles, int tileRows) {
        if (vendor.takes(product)) {
            vendor.multiply(product, halves);
            return;
        }
        operands(many.of(product.type(), tileRows), product, halves, tiles);
        queue.launch(
                ceil(product.n(), tileRows == 128 ? 128 : 64),
                rowBlocks(product, tiles, tileRows),
                product.ids() != 0 ? 1 : product.matrices(),
                256,
                0);
    }

    void multiplyManyFloats(Product product, ExpertGroups.Tiles tiles) {
        operands(manyFloat, product, product.x(), tiles).number(product.type().ggmlId());
        queue.launch(
                ceil(product.n(), FLOAT_TILE),
                rowBlocks(product, tiles, FLOAT_TILE),
                product.ids() != 0 ? 1 : product.matrices(),
                256,
                0);
    }

    private LaunchQueue operands(Kernel kernel, Product product, long x, ExpertGroups.Tiles tiles) {
        return queue.kernel(kernel)
                .pointer(product.out())
                .pointer(product.weight())
                .pointer(x)
                .pointer(tiles.order())
                .pointer(tiles.tiles())
                .number(product.rows())
                .number(product.n())
                .number(product.k())
                .number(product.share())
                .number(product.ids() != 0 ? 1 : product.matrices())
                .wide(product.matrixBytes());
    }

    private static long rowBlocks(Product product, ExpertGroups.Tiles tiles, int tileRows) {
        return product.ids() != 0 ? tiles.count() : ceil(product.rowsOfMatrix(), tileRows);
    }

    static long ceil(long a, long b) {
        return (a + b - 1) / b;
    }
}
