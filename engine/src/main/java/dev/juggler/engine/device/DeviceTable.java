package dev.juggler.engine.device;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Kernels;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * The devices that one model is spread over, numbered, and the memory spaces they work in: space 0
 * is the host's, which all devices share that work on host memory; each other device has its own.
 */
final class DeviceTable {
    /** The host's memory. */
    static final int HOST = 0;

    /**
     * One device.
     *
     * @param index its number
     * @param space the memory it works in
     */
    record Device(int index, Backend backend, Kernels kernels, int space) {
        String name() {
            return backend.device();
        }

        boolean usesHostMemory() {
            return space == HOST;
        }
    }

    private final List<Device> devices = new ArrayList<>();
    private final int spaces;

    DeviceTable(List<Backend> backends) {
        int next = HOST + 1;
        for (Backend backend : backends) {
            int space = backend.usesHostMemory() ? HOST : next++;
            devices.add(new Device(devices.size(), backend, backend.kernels(), space));
        }
        spaces = next;
    }

    /** Whether there is nothing to be sent anywhere. */
    boolean isSingle() {
        return devices.size() == 1;
    }

    List<Device> devices() {
        return devices;
    }

    Device device(int index) {
        return devices.get(index);
    }

    /** The device of this name; the table holds all that the placement names. */
    Device device(String name) {
        return devices.stream()
                .filter(device -> device.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("device " + name));
    }

    /** Memory spaces, the host's included. */
    int spaces() {
        return spaces;
    }

    /** The device that works in a space other than the host's. */
    Backend backendOfSpace(int space) {
        return devices.stream()
                .filter(device -> device.space() == space)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("space " + space))
                .backend();
    }

    /** Types that every device has. */
    Set<DType> common(Function<Kernels, Set<DType>> types) {
        EnumSet<DType> common = EnumSet.allOf(DType.class);
        devices.forEach(device -> common.retainAll(types.apply(device.kernels())));
        return common;
    }
}
