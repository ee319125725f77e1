package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;

/** Sorts the choices of a batch by expert, so that each expert's rows are multiplied together. */
final class ExpertGroups {
    private static final int TILE_BYTES = 16;

    private final LaunchQueue queue;
    private final Scratch scratch;
    private final Kernel group;

    /**
     * Where the order is.
     *
     * @param order address of the choices, those of an expert next to each other
     * @param tiles address of what each tile covers
     * @param count most tiles that there can be; those that are left over are empty
     */
    record Tiles(long order, long tiles, long count) {
        static final Tiles NONE = new Tiles(0, 0, 0);
    }

    ExpertGroups(Card card) {
        queue = card.queue;
        scratch = card.scratch();
        group = card.module.kernel("group_experts");
    }

    /** Valid until it is called again. */
    Tiles of(long ids, int choices, int experts, int tileRows) {
        long count = Products.ceil(choices, tileRows) + Math.min(experts + 1L, choices);
        long orderBytes = Products.ceil((long) choices * Integer.BYTES, 256) * 256;
        long order = scratch.of(orderBytes + count * TILE_BYTES);
        Tiles tiles = new Tiles(order, order + orderBytes, count);
        queue.kernel(group)
                .pointer(ids)
                .pointer(tiles.order())
                .pointer(tiles.tiles())
                .number(choices)
                .number(experts)
                .number(tileRows)
                .launch(1, 1, 1, 256, (experts + 2) * 2 * Integer.BYTES);
        return tiles;
    }
}
