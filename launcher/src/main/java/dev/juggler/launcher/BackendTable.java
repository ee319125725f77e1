package dev.juggler.launcher;

import dev.juggler.engine.device.Devices;
import dev.juggler.engine.text.Suggestions;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.launcher.config.Configuration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Every backend that was found, what its probe said, and which one is the default. */
public final class BackendTable {
    private static final Logger LOG = LoggerFactory.getLogger(BackendTable.class);
    private static final String AUTO = "auto";

    /**
     * One backend.
     *
     * @param isDefault whether weights go to its first device where no rule says otherwise
     */
    public record Row(BackendProvider provider, Availability availability, boolean isDefault) {}

    private final List<Row> rows;

    private BackendTable(List<Row> rows) {
        this.rows = List.copyOf(rows);
    }

    /**
     * Probes all providers and chooses the default: the forced one, else the highest score.
     *
     * @param forced name of a backend, or {@code auto}
     * @throws BackendException if the forced one is unusable or unknown, or none is usable: never a
     *     silent fallback
     */
    @SuppressWarnings(
            "ReferenceEquality") // the very row; and equals of records is made at run time
    public static BackendTable probe(Collection<BackendProvider> providers, String forced) {
        List<Row> probed = new ArrayList<>();
        for (BackendProvider provider : providers) {
            probed.add(new Row(provider, probe(provider), false));
        }
        probed.sort(Comparator.comparingInt(BackendTable::score).reversed());
        Row chosen = choose(probed, forced);
        return new BackendTable(
                probed.stream()
                        .map(row -> new Row(row.provider(), row.availability(), row == chosen))
                        .sorted(Comparator.comparing(row -> !row.isDefault()))
                        .toList());
    }

    /** Modules that the JVM must have for the backends to be all they can be as configured. */
    static Set<String> modules(Collection<BackendProvider> providers, Configuration configuration) {
        Set<String> modules = new TreeSet<>();
        for (BackendProvider provider : providers) {
            try {
                modules.addAll(provider.modules(options(configuration, provider, "")));
            } catch (RuntimeException | LinkageError e) {
                LOG.debug("{} does not tell its modules; opening it will say why", provider, e);
            }
        }
        return modules;
    }

    /** All backends, the default first, then by falling score. */
    public List<Row> rows() {
        return rows;
    }

    /**
     * Opens every device of every usable backend, the default's first.
     *
     * @throws BackendException if a device that is said to be usable cannot be opened
     */
    public Devices open(Configuration configuration) {
        List<Backend> opened = new ArrayList<>();
        try {
            for (Row row : rows) {
                if (row.availability() instanceof Availability.Usable usable) {
                    for (String device : usable.devices()) {
                        opened.add(
                                row.provider()
                                        .open(options(configuration, row.provider(), device)));
                    }
                }
            }
            return new Devices(opened);
        } catch (RuntimeException | LinkageError e) {
            opened.forEach(Backend::close);
            throw e;
        }
    }

    /**
     * Opens one device.
     *
     * @throws BackendException if no usable backend has it, or it cannot be opened
     */
    public Backend open(Configuration configuration, String device) {
        for (Row row : rows) {
            if (row.availability() instanceof Availability.Usable usable
                    && usable.devices().contains(device)) {
                return row.provider().open(options(configuration, row.provider(), device));
            }
        }
        throw new BackendException("no backend that is usable here has a device " + device);
    }

    private static BackendOptions options(
            Configuration configuration, BackendProvider provider, String device) {
        return new BackendOptions(
                device,
                configuration.config().getBoolean("juggler.exact"),
                configuration.flattened("backend", provider.name()));
    }

    private static Row choose(List<Row> probed, String forced) {
        if (forced.equals(AUTO)) {
            return probed.stream()
                    .filter(row -> row.availability() instanceof Availability.Usable)
                    .findFirst()
                    .orElseThrow(() -> new BackendException("no backend is usable here"));
        }
        Row row =
                probed.stream()
                        .filter(candidate -> candidate.provider().name().equals(forced))
                        .findFirst()
                        .orElseThrow(() -> unknown(probed, forced));
        if (row.availability() instanceof Availability.Unusable unusable) {
            throw new BackendException(
                    "juggler.default-backend = %s, but it is unusable: %s%s"
                            .formatted(
                                    forced,
                                    unusable.reason(),
                                    unusable.remedy().isEmpty() ? "" : "; " + unusable.remedy()));
        }
        return row;
    }

    private static BackendException unknown(List<Row> probed, String forced) {
        List<String> names = probed.stream().map(row -> row.provider().name()).toList();
        return new BackendException(
                "juggler.default-backend = %s: there is no such backend%s"
                        .formatted(forced, Suggestions.sentence(forced, names, "")));
    }

    private static int score(Row row) {
        return row.availability() instanceof Availability.Usable usable
                ? usable.score()
                : Integer.MIN_VALUE;
    }

    /** A probe must not throw; a plugin whose probe does is reported and not used. */
    private static Availability probe(BackendProvider provider) {
        try {
            return provider.probe();
        } catch (RuntimeException | LinkageError e) {
            return new Availability.Unusable("its probe failed: " + e, "report this to its author");
        }
    }
}
