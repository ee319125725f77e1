package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;

/** Rotary position embeddings; the frequencies of a plan are brought to the device once. */
final class Rotations {
    private final Card card;
    private final Kernel rope;
    private final Map<RopePlan, Long> known = new WeakHashMap<>();
    private final List<Frequencies> stored = new ArrayList<>();

    /** Frequencies on the device; plans are many, and most of them are the same. */
    private static final class Frequencies {
        private final double[] values;
        private final long address;

        Frequencies(double[] values, long address) {
            this.values = values;
            this.address = address;
        }
    }

    Rotations(Card card) {
        this.card = card;
        rope = card.module.kernel("rope");
    }

    void rope(Tensor x, Tensor positions, RopePlan plan) {
        int heads = x.columns() / plan.headWidth();
        if (x.rows() == 0 || plan.pairs() == 0) {
            return;
        }
        long frequencies = frequencies(plan);
        card.queue
                .kernel(rope)
                .pointer(card.address(x))
                .pointer(card.address(positions))
                .pointer(frequencies)
                .number(x.rows())
                .number(heads)
                .number(plan.headWidth())
                .number(plan.offset())
                .number(plan.pairs())
                .flag(plan.pairing() == RopePlan.Pairing.HALVES)
                .real(plan.magnitude())
                .launch(Products.ceil((long) heads * plan.pairs(), 256), x.rows(), 256);
    }

    /** Address of the radians a position of a plan, one double for each pair. */
    long frequencies(RopePlan plan) {
        Long address = known.get(plan);
        if (address == null) {
            double[] values = new double[plan.pairs()];
            for (int i = 0; i < values.length; i++) {
                values[i] = plan.inverseFrequency(i);
            }
            address = store(values);
            known.put(plan, address);
        }
        return address;
    }

    private long store(double[] values) {
        for (Frequencies frequencies : stored) {
            if (Arrays.equals(frequencies.values, values)) {
                return frequencies.address;
            }
        }
        long address = card.pool.allocateScratch((long) values.length * Double.BYTES);
        card.queue.flush();
        card.staging.write(address, MemorySegment.ofArray(values));
        stored.add(new Frequencies(values, address));
        return address;
    }
}
