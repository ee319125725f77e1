package dev.juggler.engine.placement;

import dev.juggler.kernel.MemoryInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A machine that one does not have, in words: {@code
 * cuda:0=24GiB@1008GB/s,pcie=25GB/s,cpu=512GiB@80GB/s}. A device is {@code
 * NAME=MEMORY@BANDWIDTH[@COMPUTE]}, where compute is e.g. {@code 165TFLOPS}; {@code pcie} is the
 * link between main memory and devices with memory of their own.
 */
public final class AssumedHardware {
    private static final String LINK = "pcie";
    private static final List<String> IN_MAIN_MEMORY = List.of("cpu", "reference");
    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_.-]*(:\\d{1,3})?");
    private static final Pattern NUMBER = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)\\s*(.*)");
    private static final String EXAMPLE = "cuda:0=24GiB@1008GB/s,pcie=25GB/s,cpu=512GiB@80GB/s";
    private static final String MEMORY_FORM = "a size such as 24GiB or 24GB";
    private static final String RATE_FORM = "bytes a second such as 1008GB/s";
    private static final String COMPUTE_FORM = "operations a second such as 165TFLOPS";

    private static final double MOST = 1e21;
    private static final Map<String, Double> PREFIXES =
            Map.ofEntries(
                    Map.entry("", 1.0),
                    Map.entry("K", 1e3),
                    Map.entry("M", 1e6),
                    Map.entry("G", 1e9),
                    Map.entry("T", 1e12),
                    Map.entry("P", 1e15),
                    Map.entry("KI", 0x1p10),
                    Map.entry("MI", 0x1p20),
                    Map.entry("GI", 0x1p30),
                    Map.entry("TI", 0x1p40),
                    Map.entry("PI", 0x1p50));

    private final List<DeviceBudget> devices = new ArrayList<>();
    private @Nullable Double link;

    private AssumedHardware() {}

    /**
     * Parses the words.
     *
     * @throws PlacementException naming the piece, the value and what it must be
     */
    public static Hardware parse(String text) {
        AssumedHardware assumed = new AssumedHardware();
        for (String piece : text.split(",", -1)) {
            assumed.add(piece.strip());
        }
        return assumed.hardware();
    }

    private void add(String piece) {
        int equals = piece.indexOf('=');
        if (equals < 0) {
            throw new PlacementException(
                    "\"%s\" names no value; write NAME=MEMORY@BANDWIDTH or %s=BANDWIDTH, e.g. %s"
                            .formatted(piece, LINK, EXAMPLE));
        }
        String name = piece.substring(0, equals).strip();
        String value = piece.substring(equals + 1).strip();
        if (name.equals(LINK)) {
            if (link != null) {
                throw new PlacementException(LINK + " is given twice; give it once");
            }
            link = amount(LINK, value, RATE_FORM, "B/S");
            return;
        }
        if (!NAME.matcher(name).matches() || name.equals(PlacementRules.AUTO)) {
            throw new PlacementException(
                    "\"%s\" in \"%s\" is no name of a device; write one such as cuda:0 or cpu"
                            .formatted(name, piece));
        }
        if (devices.stream().anyMatch(device -> device.device().equals(name))) {
            throw new PlacementException(
                    "device %s is given twice; give each device once, e.g. cuda:0 and cuda:1"
                            .formatted(name));
        }
        devices.add(device(name, value));
    }

    private static DeviceBudget device(String name, String value) {
        List<String> parts = Stream.of(value.split("@", -1)).map(String::strip).toList();
        if (parts.size() < 2 || parts.size() > 3) {
            throw new PlacementException(
                    "%s = \"%s\" must be MEMORY@BANDWIDTH or MEMORY@BANDWIDTH@COMPUTE, e.g. 24GiB@1008GB/s@165TFLOPS"
                            .formatted(name, value));
        }
        long bytes = (long) amount("memory of " + name, parts.get(0), MEMORY_FORM, "B");
        double rate = amount("bandwidth of " + name, parts.get(1), RATE_FORM, "B/S");
        boolean host = IN_MAIN_MEMORY.contains(name);
        MemoryInfo memory = new MemoryInfo(bytes, bytes);
        return parts.size() == 2
                ? new DeviceBudget(name, host, memory, rate)
                : new DeviceBudget(
                        name,
                        host,
                        memory,
                        rate,
                        amount("compute of " + name, parts.get(2), COMPUTE_FORM, "FLOPS"));
    }

    /** A number with a prefix and a unit, in the plain unit; at least 1. */
    private static double amount(String what, String text, String form, String unit) {
        Matcher number = NUMBER.matcher(text);
        if (number.matches()) {
            String name = number.group(2).toUpperCase(Locale.ROOT);
            boolean binary = unit.startsWith("B");
            for (Map.Entry<String, Double> prefix : PREFIXES.entrySet()) {
                if ((binary || !prefix.getKey().endsWith("I"))
                        && name.equals(prefix.getKey() + unit)) {
                    double amount = Double.parseDouble(number.group(1)) * prefix.getValue();
                    if (amount >= 1 && amount < MOST) {
                        return amount;
                    }
                }
            }
        }
        throw new PlacementException("%s is \"%s\", it must be %s".formatted(what, text, form));
    }

    /** Devices with memory of their own come first, as they are what one buys for speed. */
    private Hardware hardware() {
        if (devices.stream().noneMatch(DeviceBudget::hostMemory)) {
            throw new PlacementException(
                    "there is no cpu among %s; add one, e.g. cpu=64GiB@50GB/s"
                            .formatted(devices.stream().map(DeviceBudget::device).toList()));
        }
        List<DeviceBudget> ordered =
                devices.stream().sorted(Comparator.comparing(DeviceBudget::hostMemory)).toList();
        return new Hardware(ordered, link == null ? Hardware.USUAL_LINK : link);
    }
}
