package dev.juggler.engine.gguf;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of a part of a split model, {@code NAME-00001-of-00003.gguf}, and the keys that hold the
 * parts together.
 *
 * @param first any part of it
 * @param prefix {@code NAME}
 * @param number which part it is, from 1
 * @param count how many parts the name speaks of
 */
record SplitName(Path first, String prefix, int number, int count) {
    private static final Pattern PATTERN = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");
    private static final String COUNT = "split.count";
    private static final String NUMBER = "split.no";
    private static final String TENSORS = "split.tensors.count";

    /** The parts of the file's name, or empty if it is no name of a part. */
    static Optional<SplitName> of(Path path) {
        Path name = path.getFileName();
        Matcher matcher = PATTERN.matcher(name == null ? "" : name.toString());
        return matcher.matches()
                ? Optional.of(
                        new SplitName(
                                path,
                                matcher.group(1),
                                Integer.parseInt(matcher.group(2)),
                                Integer.parseInt(matcher.group(3))))
                : Optional.empty();
    }

    /** The part with this index, from 0. */
    Path part(int index) {
        return first.resolveSibling("%s-%05d-of-%05d.gguf".formatted(prefix, index + 1, count));
    }

    /**
     * Checks that a part says of how many it is one.
     *
     * @param named what its name says, 1 if it says nothing
     */
    static void requireCount(GgufPart part, int named) {
        int said = part.metadata().count(COUNT, 1);
        if (said > 1 && of(part.file()).isEmpty()) {
            throw new GgufException(
                    part.file(),
                    GgufException.NOWHERE,
                    "it is one of %d parts, so its name must end in -00001-of-%05d.gguf"
                            .formatted(said, said));
        }
        if (said != named) {
            throw new GgufException(
                    part.file(),
                    GgufException.NOWHERE,
                    "metadata key %s is %d, but the name says %d parts"
                            .formatted(COUNT, said, named));
        }
    }

    /**
     * Checks that parts, in order, belong together.
     *
     * @param complete whether these are all
     */
    static void check(List<GgufPart> parts, boolean complete) {
        long tensors = 0;
        for (GgufPart part : parts) {
            SplitName name = of(part.file()).orElseThrow();
            require(part, NUMBER, part.metadata().count(NUMBER), name.number - 1);
            tensors += part.tensors().size();
        }
        for (GgufPart part : parts) {
            long told = part.metadata().count(TENSORS);
            if (complete || told < tensors) {
                require(part, TENSORS, told, tensors);
            }
        }
    }

    private static void require(GgufPart part, String key, long value, long expected) {
        if (value != expected) {
            throw new GgufException(
                    part.file(),
                    GgufException.NOWHERE,
                    "metadata key %s is %d, expected %d; is it a part of the same model?"
                            .formatted(key, value, expected));
        }
    }
}
