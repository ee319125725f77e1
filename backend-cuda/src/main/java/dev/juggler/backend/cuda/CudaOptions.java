package dev.juggler.backend.cuda;

import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The backend's options, as {@code reference.conf} documents them.
 *
 * @param memory most bytes that buffers may take on a device
 * @param reserve bytes of a device that are left to scratch memory and to others
 * @param graphs whether repeated launches become graphs
 * @param gemm who multiplies matrices of many rows
 * @param exact whether activations stay F32
 */
record CudaOptions(long memory, long reserve, boolean graphs, Gemm gemm, boolean exact) {
    /** Who multiplies matrices of many rows. */
    enum Gemm {
        /** NVIDIA's library where it is there and the rows are many. */
        AUTO,
        /** The backend's kernels. */
        OWN,
        /** NVIDIA's library, which must be there. */
        CUBLAS
    }

    private static final List<String> KEYS =
            List.of("memory", "memory-reserve", "graphs", "gemm", "activations");
    private static final Pattern SIZE = Pattern.compile("(\\d+)\\s*([KMGT]i?B|B)?");
    private static final String AUTO = "auto";
    private static final long DEFAULT_RESERVE = 512L << 20;

    /**
     * Reads the options.
     *
     * @throws BackendException naming the key, the value and what is allowed
     */
    static CudaOptions of(BackendOptions options) {
        for (String key : options.values().keySet()) {
            if (!KEYS.contains(key)) {
                throw new BackendException(
                        "option %s of backend %s is unknown; known are %s"
                                .formatted(key, CudaBackendProvider.NAME, KEYS));
            }
        }
        return new CudaOptions(
                size(options, "memory", Long.MAX_VALUE),
                size(options, "memory-reserve", DEFAULT_RESERVE),
                !choice(options, "graphs", "off").equals("off"),
                gemm(options),
                options.exact() || choice(options, "activations", "f32").equals("f32"));
    }

    private static String choice(BackendOptions options, String key, String allowed) {
        String value = options.text(key, AUTO);
        if (!value.equals(AUTO) && !value.equals(allowed)) {
            throw new BackendException(
                    "option %s = \"%s\" is not \"auto\" nor \"%s\"".formatted(key, value, allowed));
        }
        return value;
    }

    private static Gemm gemm(BackendOptions options) {
        String value = options.text("gemm", AUTO);
        for (Gemm gemm : Gemm.values()) {
            if (gemm.name().equalsIgnoreCase(value)) {
                return gemm;
            }
        }
        throw new BackendException(
                "option gemm = \"%s\" is not \"auto\", \"own\" nor \"cublas\"".formatted(value));
    }

    private static long size(BackendOptions options, String key, long fallback) {
        String value = options.text(key, AUTO);
        if (value.equals(AUTO)) {
            return fallback;
        }
        Matcher matcher = SIZE.matcher(value.strip());
        if (!matcher.matches() || matcher.group(1).length() > 15) {
            throw new BackendException(
                    "option %s = \"%s\" is not \"auto\" nor a size such as 8GiB"
                            .formatted(key, value));
        }
        String unit = matcher.group(2) == null ? "B" : matcher.group(2).toUpperCase(Locale.ROOT);
        int power = "BKMGT".indexOf(unit.charAt(0));
        double base = unit.length() == 2 ? 1000 : 1024;
        double bytes = (double) Long.parseLong(matcher.group(1)) * Math.pow(base, power);
        return bytes >= Long.MAX_VALUE ? Long.MAX_VALUE : (long) bytes;
    }
}
