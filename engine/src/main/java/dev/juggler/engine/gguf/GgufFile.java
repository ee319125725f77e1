package dev.juggler.engine.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A model in GGUF form: one file, or all parts of a split one, mapped into memory. The tables are
 * checked when it is opened; tensor data are pages of the files, read when they are touched.
 * Closing it unmaps the data: nothing that came from it may be used afterwards. Immutable and safe
 * for use by many threads.
 */
public final class GgufFile implements AutoCloseable {
    private final List<GgufPart> parts;
    private final List<MemorySegment> bytes;
    private final Map<String, GgufTensor> tensors;
    private final List<Path> missing;
    private final @Nullable Arena arena;

    private GgufFile(
            List<GgufPart> parts,
            List<MemorySegment> bytes,
            List<Path> missing,
            @Nullable Arena arena) {
        this.parts = List.copyOf(parts);
        this.missing = List.copyOf(missing);
        this.bytes = List.copyOf(bytes);
        this.arena = arena;
        Map<String, GgufTensor> byName = new LinkedHashMap<>();
        for (GgufPart part : parts) {
            for (GgufTensor tensor : part.tensors()) {
                GgufTensor other = byName.put(tensor.name(), tensor);
                if (other != null) {
                    throw new GgufException(
                            part.file(),
                            tensor.offset(),
                            "tensor %s is also in %s".formatted(tensor.name(), other.file()));
                }
            }
        }
        this.tensors = Collections.unmodifiableMap(byName);
    }

    /**
     * Opens and checks a model.
     *
     * @param path the file; of a split model any part, the others are found beside it
     * @throws GgufException if a file cannot be read or is not as it must be
     */
    public static GgufFile open(Path path) {
        GgufFile file = openAvailable(path);
        if (file.missing.isEmpty()) {
            return file;
        }
        file.close();
        throw new GgufException(
                file.missing.getFirst(), GgufException.NOWHERE, file.whatIsMissing());
    }

    /**
     * Opens what there is of a model, to look at it: parts of a split file may be {@link #missing}.
     *
     * @throws GgufException if a file that is there cannot be read or is not as it must be
     */
    @SuppressWarnings("MustBeClosedChecker") // the file owns the arena and close() closes it
    public static GgufFile openAvailable(Path path) {
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try {
            Source source =
                    other -> other.equals(path) || Files.exists(other) ? map(other, arena) : null;
            GgufFile file = read(path, source, arena);
            opened = true;
            return file;
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    /**
     * Reads a model of a single file that is in memory already; it is not closed with the result.
     *
     * @param name what to call it in errors
     * @throws GgufException if it is not as it must be
     */
    public static GgufFile of(Path name, MemorySegment memory) {
        return read(
                name,
                other -> {
                    if (other.equals(name)) {
                        return memory;
                    }
                    throw new GgufException(other, GgufException.NOWHERE, "not in memory");
                },
                null);
    }

    /** Where the bytes of a part come from. */
    interface Source {
        /** Its bytes, or null if there is no such file. */
        @Nullable MemorySegment bytes(Path part);
    }

    static GgufFile read(Path path, Source source, @Nullable Arena arena) {
        int count = SplitName.of(path).map(SplitName::count).orElse(1);
        List<GgufPart> parts = new ArrayList<>();
        List<Path> missing = new ArrayList<>();
        List<MemorySegment> contents = new ArrayList<>();
        for (int i = 0; i < Math.max(1, count); i++) {
            int index = i;
            Path file = SplitName.of(path).map(split -> split.part(index)).orElse(path);
            MemorySegment bytes = source.bytes(file);
            if (bytes == null) {
                missing.add(file);
                continue;
            }
            GgufPart part = GgufPart.parse(file, bytes);
            SplitName.requireCount(part, count);
            contents.add(bytes);
            parts.add(part);
        }
        if (count > 1) {
            SplitName.check(parts, missing.isEmpty());
        }
        return new GgufFile(parts, contents, missing, arena);
    }

    private static MemorySegment map(Path path, Arena arena) {
        try {
            if (Files.isDirectory(path)) {
                throw new GgufException(
                        path, GgufException.NOWHERE, "this is a folder, not a GGUF file");
            }
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                return channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
            }
        } catch (NoSuchFileException e) {
            throw new GgufException(path, GgufException.NOWHERE, "there is no such file");
        } catch (IOException e) {
            throw new GgufException(path, GgufException.NOWHERE, "cannot be read: " + e);
        }
    }

    /** The file; of a split model the first part. */
    public Path path() {
        return parts.getFirst().file();
    }

    /** All files, in order. */
    public List<Path> paths() {
        return parts.stream().map(GgufPart::file).toList();
    }

    /** Parts of a split model that are not where they should be. */
    public List<Path> missing() {
        return missing;
    }

    /** A sentence about {@link #missing}, which must not be empty. */
    public String whatIsMissing() {
        return "%d of %d parts of the model %s missing: %s; put %s beside the others"
                .formatted(
                        missing.size(),
                        missing.size() + parts.size(),
                        missing.size() == 1 ? "is" : "are",
                        missing.stream()
                                .map(part -> String.valueOf(part.getFileName()))
                                .collect(Collectors.joining(", ")),
                        missing.size() == 1 ? "it" : "them");
    }

    /** Version of the format: 2 or 3. */
    public int version() {
        return parts.getFirst().version();
    }

    /** The metadata; of a split model those of the first part. */
    public GgufMetadata metadata() {
        return parts.getFirst().metadata();
    }

    /** The family: {@code general.architecture}. */
    public String architecture() {
        return metadata().string("general.architecture");
    }

    /** All tensors, in file order. */
    public List<GgufTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    /** The tensor with this name, or null. */
    public @Nullable GgufTensor find(String name) {
        return tensors.get(name);
    }

    /**
     * The tensor with this name.
     *
     * @throws GgufException if there is none
     */
    public GgufTensor tensor(String name) {
        GgufTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new GgufException(
                    path(),
                    GgufException.NOWHERE,
                    "tensor %s is missing; the file has %d others".formatted(name, tensors.size()));
        }
        return tensor;
    }

    /** Number of weights: elements of all tensors. */
    public long parameters() {
        return tensors.values().stream().mapToLong(GgufTensor::elements).sum();
    }

    /** Bytes of all tensors. */
    public long tensorBytes() {
        return tensors.values().stream().mapToLong(GgufTensor::bytes).sum();
    }

    /** Size of all files. */
    public long fileBytes() {
        return bytes.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    /** Looks which of the files' bytes are not in memory yet. */
    public ReadAhead readAhead() {
        return ReadAhead.of(path(), bytes);
    }

    /** Whether memory in huge pages can be had on this system. */
    public static boolean hugePagesExist() {
        return SystemMemory.hasHugePages();
    }

    /**
     * Which part of the data lies in huge pages of the page cache, 0 to 1, judged by the largest
     * file; a few milliseconds.
     *
     * @throws IOException if it cannot be read
     */
    public double shareInHugePages() throws IOException {
        return HugePageCopy.cachedShare(parts.get(largest()).file());
    }

    /**
     * Measures how many times as fast the data would be read from huge pages; it must be in memory.
     * Takes up to 0.3 seconds; 1 for small files, and where huge pages are slow to come by.
     *
     * @param enough what pays to copy; less than that is found out sooner
     * @throws IOException if there are no huge pages
     */
    public double hugePageGain(double enough) throws IOException {
        return HugePageCopy.gain(bytes.get(largest()), enough);
    }

    private int largest() {
        int largest = 0;
        for (int i = 1; i < bytes.size(); i++) {
            largest = bytes.get(i).byteSize() > bytes.get(largest).byteSize() ? i : largest;
        }
        return largest;
    }

    /**
     * The same model in huge pages, which take as much memory again as the file while both are
     * open.
     *
     * @throws IOException if there are no huge pages
     */
    @SuppressWarnings("MustBeClosedChecker") // the file owns the arena and close() closes it
    public GgufFile inHugePages() throws IOException {
        Arena copies = Arena.ofShared();
        boolean copied = false;
        try {
            Map<Path, MemorySegment> byPath = new LinkedHashMap<>();
            for (int i = 0; i < parts.size(); i++) {
                byPath.put(parts.get(i).file(), HugePageCopy.copy(bytes.get(i), copies));
            }
            GgufFile copy = read(path(), byPath::get, copies);
            copied = true;
            return copy;
        } finally {
            if (!copied) {
                copies.close();
            }
        }
    }

    /**
     * Keeps the data in memory until the file is closed.
     *
     * @throws IOException if the system does not allow it
     */
    public void lock() throws IOException {
        for (MemorySegment part : bytes) {
            SystemMemory.lock(part);
        }
    }

    /**
     * Name of the quantization: as {@code general.file_type} says, else the tensor type that has
     * most bytes; {@code none} without tensors.
     */
    public String quantization() {
        if (metadata().has("general.file_type")) {
            var name = GgufTypeNames.ofFileType(metadata().integer("general.file_type"));
            if (name.isPresent()) {
                return name.get();
            }
        }
        return tensors.values().stream()
                .collect(
                        Collectors.groupingBy(
                                GgufTensor::typeName, Collectors.summingLong(GgufTensor::bytes)))
                .entrySet()
                .stream()
                .max(
                        Comparator.comparingLong(Map.Entry<String, Long>::getValue)
                                .thenComparing(Map.Entry.comparingByKey()))
                .map(Map.Entry::getKey)
                .orElse("none");
    }

    /** Unmaps the files. */
    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }

    @Override
    public String toString() {
        return "%s: %d tensors, %s".formatted(path(), tensors.size(), quantization());
    }
}
