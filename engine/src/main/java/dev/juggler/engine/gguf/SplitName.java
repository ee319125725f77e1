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
 * @param first any part
 * @param prefix {@code NAME}
 * @param count how many parts the name speaks of
 */
record SplitName(Path first, String prefix, int count) {
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
                        new SplitName(path, matcher.group(1), Integer.parseInt(matcher.group(3))))
                : Optional.empty();
    }

    /** The part with this index, from 0. */
    Path part(int index) {
        return first.resolveSibling("%s-%05d-of-%05d.gguf".formatted(prefix, index + 1, count));
    }

    /** How many parts the first part and its name agree on. */
    static int parts(GgufPart part) {
        int said = part.metadata().count(COUNT, 1);
        int named = of(part.file()).map(SplitName::count).orElse(said);
        if (said < 1 || said != named) {
            throw new GgufException(
                    part.file(),
                    GgufException.NOWHERE,
                    "metadata key %s is %d, but the name says %d parts"
                            .formatted(COUNT, said, named));
        }
        return said;
    }

    /** Checks that the parts, in order, belong together. */
    static void check(List<GgufPart> parts) {
        long tensors = 0;
        for (int i = 0; i < parts.size(); i++) {
            GgufMetadata metadata = parts.get(i).metadata();
            require(parts.get(i), COUNT, metadata.count(COUNT), parts.size());
            require(parts.get(i), NUMBER, metadata.count(NUMBER), i);
            tensors += parts.get(i).tensors().size();
        }
        for (GgufPart part : parts) {
            require(part, TENSORS, part.metadata().count(TENSORS), tensors);
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
