package dev.juggler.tck;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.opentest4j.TestAbortedException;

/**
 * Finds the golden reference data (models, logits, blocks, token ids, templates made with
 * independent engines). It is larger than a clone should be: a test that needs it is skipped where
 * it is absent, and says so.
 */
public final class GoldenData {
    /** System property that names the folder; the environment variable JUGGLER_GOLDEN does too. */
    public static final String PROPERTY = "juggler.golden";

    private GoldenData() {}

    /**
     * The folder, if there is one: as configured, else {@code shared/golden} beside the checkout.
     */
    public static Optional<Path> folder() {
        @Nullable String configured = System.getProperty(PROPERTY, System.getenv("JUGGLER_GOLDEN"));
        if (configured != null) {
            return Optional.of(Path.of(configured));
        }
        @Nullable Path here = Path.of("").toAbsolutePath();
        while (here != null) {
            Path candidate = here.resolve("shared").resolve("golden");
            if (Files.isRegularFile(candidate.resolve("README.md"))) {
                return Optional.of(candidate);
            }
            here = here.getParent();
        }
        return Optional.empty();
    }

    /**
     * A file or folder of the golden data.
     *
     * @throws TestAbortedException if there is none: the test is skipped, and the reason printed
     */
    public static Path require(String relative) {
        Optional<Path> found = folder().map(folder -> folder.resolve(relative));
        if (found.isEmpty() || !Files.exists(found.get())) {
            String reason =
                    "SKIPPED: golden data %s is not here; set -D%s=FOLDER"
                            .formatted(relative, PROPERTY);
            System.out.println(reason);
            throw new TestAbortedException(reason);
        }
        return found.get();
    }
}
