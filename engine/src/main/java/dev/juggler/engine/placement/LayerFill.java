package dev.juggler.engine.placement;

import java.util.Arrays;
import java.util.List;

/**
 * Gives layers to devices in runs, so that activations seldom change the device. Devices of about
 * the same speed are filled to the same part of their room; slower ones are used when the faster
 * ones are full.
 */
final class LayerFill {
    /** Devices whose speeds differ by less are alike. */
    private static final double ALIKE = 0.9;

    private static final int HALVINGS = 50;

    private final long[] rooms;
    private final int[] groups;

    /**
     * @param rooms bytes that each device can take
     * @param speeds of each device, in falling order
     */
    LayerFill(List<Long> rooms, List<Double> speeds) {
        this.rooms = rooms.stream().mapToLong(Long::longValue).toArray();
        groups = new int[this.rooms.length];
        double leader = speeds.isEmpty() ? 0 : speeds.getFirst();
        for (int device = 1; device < groups.length; device++) {
            boolean slower = speeds.get(device) < ALIKE * leader;
            groups[device] = groups[device - 1] + (slower ? 1 : 0);
            leader = slower ? speeds.get(device) : leader;
        }
    }

    /**
     * The device of each piece, in runs; empty if there is no room for all.
     *
     * @param pieces bytes of each piece, in order
     */
    int[] assign(long[] pieces) {
        double most = groups.length == 0 ? 0 : groups[groups.length - 1] + 1.0;
        if (!fits(pieces, most)) {
            return new int[0];
        }
        double low = 0;
        double high = most;
        for (int i = 0; i < HALVINGS; i++) {
            double middle = (low + high) / 2;
            if (fits(pieces, middle)) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return runs(pieces, high);
    }

    private boolean fits(long[] pieces, double fill) {
        int[] devices = runs(pieces, fill);
        return devices.length == 0 || devices[devices.length - 1] < rooms.length;
    }

    /** Device by device, each up to its part; what finds no room gets a number of no device. */
    private int[] runs(long[] pieces, double fill) {
        int[] devices = new int[pieces.length];
        int device = 0;
        long left = device < rooms.length ? room(device, fill) : 0;
        for (int piece = 0; piece < pieces.length; piece++) {
            while (device < rooms.length && pieces[piece] > left) {
                device++;
                left = device < rooms.length ? room(device, fill) : 0;
            }
            if (device == rooms.length) {
                Arrays.fill(devices, piece, devices.length, device);
                return devices;
            }
            devices[piece] = device;
            left -= pieces[piece];
        }
        return devices;
    }

    private long room(int device, double fill) {
        double part = Math.clamp(fill - groups[device], 0.0, 1.0);
        return part == 1 ? rooms[device] : (long) (part * rooms[device]);
    }
}
