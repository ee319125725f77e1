package dev.juggler.engine.inference;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock for each device, because kernels are called by one thread at a time and two models may be
 * on the same device. The locks are fair: models take turns, step by step.
 */
final class DeviceLocks {
    private final Map<String, ReentrantLock> locks = new ConcurrentHashMap<>();

    /** The locks of these devices, always in the same order. */
    List<ReentrantLock> of(Collection<String> devices) {
        return new TreeSet<>(devices)
                .stream()
                        .map(name -> locks.computeIfAbsent(name, n -> new ReentrantLock(true)))
                        .toList();
    }
}
