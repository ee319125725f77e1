package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.junit.jupiter.api.DynamicTest;

/**
 * The cases of {@link BackendConformanceTest} without a test framework around them: for a machine
 * that has a device and a run-time image, and nothing to build with.
 */
public final class ConformanceRun {
    private static final Map<String, Function<Subject, List<DynamicTest>>> GROUPS = groups();

    private final Supplier<Backend> opener;
    private final Limits limits;
    private final long seed;

    /**
     * How a group of cases went.
     *
     * @param name of the group
     * @param run how many cases
     * @param failures what was wrong, a message for each case that did not pass
     */
    public record Group(String name, int run, List<String> failures) {}

    /**
     * @param opener opens the backend; called more than once, what it gives is closed
     * @param seed of the random content
     */
    public ConformanceRun(Supplier<Backend> opener, Limits limits, long seed) {
        this.opener = opener;
        this.limits = limits;
        this.seed = seed;
    }

    private static Map<String, Function<Subject, List<DynamicTest>>> groups() {
        Map<String, Function<Subject, List<DynamicTest>>> groups = new LinkedHashMap<>();
        groups.put("memory", MemoryChecks::of);
        groups.put("matrix products", MatmulChecks::of);
        groups.put("experts", ExpertChecks::of);
        groups.put("heads", HeadChecks::of);
        groups.put("routing", RoutingChecks::of);
        groups.put("rows", RowChecks::of);
        groups.put("attention", AttentionChecks::of);
        groups.put("fused steps", FusedChecks::of);
        groups.put("refusals", RefusalChecks::of);
        return groups;
    }

    /**
     * Runs the cases.
     *
     * @param wanted which of them, by name
     * @param report is told of each group when it is over
     */
    public void run(Predicate<String> wanted, Consumer<Group> report) {
        Subject subject = new Subject(opener, limits::of, seed);
        try (Backend opened = subject.backend()) {
            opened.synchronize();
            for (Map.Entry<String, Function<Subject, List<DynamicTest>>> group :
                    GROUPS.entrySet()) {
                List<DynamicTest> cases =
                        group.getValue().apply(subject).stream()
                                .filter(test -> wanted.test(test.getDisplayName()))
                                .toList();
                report.accept(new Group(group.getKey(), cases.size(), failures(cases)));
            }
        }
    }

    /** Whatever a case throws is its failure; the others are run all the same. */
    private static List<String> failures(List<DynamicTest> cases) {
        List<String> failures = new ArrayList<>();
        for (DynamicTest test : cases) {
            try {
                test.getExecutable().execute();
            } catch (VirtualMachineError e) {
                throw e;
            } catch (Throwable e) {
                failures.add(String.valueOf(e.getMessage()));
            }
        }
        return failures;
    }
}
