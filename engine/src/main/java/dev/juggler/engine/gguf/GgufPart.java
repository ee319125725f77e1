package dev.juggler.engine.gguf;

import dev.juggler.engine.gguf.GgufMetadata.Entry;
import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One file, parsed and checked: a whole model, or one part of a split one. */
record GgufPart(
        Path file, int version, int alignment, GgufMetadata metadata, List<GgufTensor> tensors) {
    private static final String ALIGNMENT = "general.alignment";
    private static final int DEFAULT_ALIGNMENT = 32;
    private static final int LONGEST_KEY = 65_535;
    private static final int LONGEST_TENSOR_NAME = 64;
    private static final int MOST_DIMENSIONS = 4;
    // far beyond any model: the largest have a few thousand tensors and a few hundred keys
    private static final long MOST_TENSORS = 1_000_000;
    private static final long MOST_KEYS = 100_000;

    /** An entry of the tensor table before its data is found. */
    private record TableRow(
            int at, String name, int typeId, List<Long> dimensions, long offset, long bytes) {
        /** Bytes of a tensor whose type is unknown. */
        static final long UNKNOWN = -1;

        long elements() {
            return dimensions.stream().reduce(1L, (a, b) -> a * b); // does not overflow: checked
        }

        long end() {
            return offset + Math.max(bytes, 0);
        }
    }

    /**
     * Parses and checks a file in memory.
     *
     * @throws GgufException if anything in it is not as it must be
     */
    static GgufPart parse(Path file, MemorySegment memory) {
        HeaderReader header = new HeaderReader(file, memory);
        int version = version(header, memory);
        long tensorCount =
                header.count("the number of tensors", 8 + 1 + 4 + 8 + 4 + 8, MOST_TENSORS);
        long keyCount = header.count("the number of metadata keys", 8 + 1 + 4 + 1, MOST_KEYS);
        Map<String, Entry> entries = new LinkedHashMap<>();
        for (long i = 0; i < keyCount; i++) {
            entry(header, entries);
        }
        int alignment = alignment(header, entries.get(ALIGNMENT));
        List<TableRow> infos = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (long i = 0; i < tensorCount; i++) {
            TableRow info = info(header, alignment);
            if (!names.add(info.name)) {
                throw header.broken(info.at, "tensor %s is there twice".formatted(info.name));
            }
            infos.add(info);
        }
        long dataStart = Math.ceilDiv((long) header.position(), alignment) * alignment;
        return new GgufPart(
                file,
                version,
                alignment,
                new GgufMetadata(file, entries),
                locate(file, header, infos, memory, dataStart));
    }

    private static int version(HeaderReader header, MemorySegment memory) {
        int magic = header.uint32Bits("the magic number");
        if (magic != 0x46554747) { // "GGUF"
            byte[] start = header.copy(0, (int) Math.min(memory.byteSize(), 16));
            String text = new String(start, StandardCharsets.ISO_8859_1);
            throw header.broken(
                    0,
                    text.startsWith("version https:/")
                            ? "this is a Git LFS pointer, not the model; fetch the file with git lfs pull"
                            : "this is no GGUF file: it starts with %08x, not with the letters GGUF"
                                    .formatted(Integer.reverseBytes(magic)));
        }
        int version = header.uint32Bits("the version");
        if (version == 2 || version == 3) {
            return version;
        }
        String problem =
                (version & 0xffff) == 0 && version != 0
                        ? "the file is big endian; Juggler reads little endian files"
                        : "GGUF version %s is not supported, 2 and 3 are"
                                .formatted(Integer.toUnsignedString(version));
        throw header.broken(4, problem + "; convert the model anew");
    }

    private static void entry(HeaderReader header, Map<String, Entry> entries) {
        int at = header.position();
        String key = header.name("a metadata key", LONGEST_KEY);
        GgufValueType type = header.valueType("the type of metadata key " + key);
        Object value = header.value(type, "metadata key " + key);
        if (entries.put(key, new Entry(type, value, at)) != null) {
            throw header.broken(at, "metadata key %s is there twice".formatted(key));
        }
    }

    private static int alignment(HeaderReader header, @Nullable Entry entry) {
        if (entry == null) {
            return DEFAULT_ALIGNMENT;
        }
        if (entry.value() instanceof Long alignment
                && alignment > 0
                && alignment <= 1 << 30
                && Long.bitCount(alignment) == 1) {
            return alignment.intValue();
        }
        throw header.broken(
                entry.offset(),
                "metadata key %s is %s, it must be a power of two up to 2^30"
                        .formatted(ALIGNMENT, entry.value()));
    }

    private static TableRow info(HeaderReader header, int alignment) {
        int at = header.position();
        String name = header.name("a tensor name", LONGEST_TENSOR_NAME);
        long dimensionCount = header.uint32("the number of dimensions of " + name);
        if (dimensionCount < 1 || dimensionCount > MOST_DIMENSIONS) {
            throw header.broken(
                    at,
                    "tensor %s has %d dimensions, 1 to %d are possible"
                            .formatted(name, dimensionCount, MOST_DIMENSIONS));
        }
        List<Long> dimensions = new ArrayList<>();
        long elements = 1;
        for (int i = 0; i < dimensionCount; i++) {
            long extent = header.uint64("a dimension of " + name, Long.MAX_VALUE);
            if (extent == 0 || elements > Long.MAX_VALUE / extent) {
                throw header.broken(
                        at,
                        "tensor %s has dimension %d of %d, with %d elements before it"
                                .formatted(name, i, extent, elements));
            }
            elements *= extent;
            dimensions.add(extent);
        }
        int typeId = header.uint32Bits("the type of " + name);
        long offset = header.uint64("the offset of " + name, Long.MAX_VALUE);
        if (offset % alignment != 0) {
            throw header.broken(
                    at,
                    "tensor %s is at offset %d, no multiple of the alignment %d"
                            .formatted(name, offset, alignment));
        }
        return new TableRow(
                at,
                name,
                typeId,
                dimensions,
                offset,
                bytes(header, at, name, typeId, dimensions.getFirst(), elements));
    }

    private static long bytes(
            HeaderReader header, int at, String name, int typeId, long row, long elements) {
        Optional<DType> dtype = DType.ofGgmlId(typeId);
        if (dtype.isEmpty()) {
            return TableRow.UNKNOWN;
        }
        int block = dtype.get().blockElements();
        if (row % block != 0) {
            throw header.broken(
                    at,
                    "tensor %s has rows of %d elements, no whole number of %s blocks of %d"
                            .formatted(name, row, dtype.get(), block));
        }
        if (elements / block > Long.MAX_VALUE / dtype.get().blockBytes()) {
            throw header.broken(
                    at, "tensor %s has %d elements, too many".formatted(name, elements));
        }
        return dtype.get().bytes(elements);
    }

    /** Finds each tensor's bytes; refuses what overlaps or does not lie in the file. */
    private static List<GgufTensor> locate(
            Path file,
            HeaderReader header,
            List<TableRow> infos,
            MemorySegment memory,
            long dataStart) {
        List<TableRow> ordered = new ArrayList<>(infos);
        ordered.sort(Comparator.comparingLong(TableRow::offset).thenComparingLong(TableRow::end));
        long available = memory.byteSize() - dataStart;
        Map<String, GgufTensor> located = new LinkedHashMap<>();
        for (int i = 0; i < ordered.size(); i++) {
            TableRow info = ordered.get(i);
            if (info.offset > available || info.bytes > available - info.offset) {
                throw header.broken(
                        info.at,
                        "tensor %s needs %d bytes from %d of the data, but the file has %d there; it is cut off or its table is wrong"
                                .formatted(
                                        info.name,
                                        Math.max(info.bytes, 0),
                                        info.offset,
                                        Math.max(available, 0)));
            }
            long next = i + 1 < ordered.size() ? ordered.get(i + 1).offset : available;
            next = Math.min(next, available);
            if (i + 1 < ordered.size() && (info.end() > next || info.offset == next)) {
                throw header.broken(
                        ordered.get(i + 1).at,
                        "tensors %s and %s overlap at %d of the data"
                                .formatted(info.name, ordered.get(i + 1).name, next));
            }
            long bytes = info.bytes == TableRow.UNKNOWN ? next - info.offset : info.bytes;
            if (info.elements() > bytes * 8) { // no type stores less than one bit
                throw header.broken(
                        info.at,
                        "tensor %s has %d elements of unknown type %s in %d bytes"
                                .formatted(
                                        info.name,
                                        info.elements(),
                                        GgufTypeNames.ofTensorType(info.typeId),
                                        bytes));
            }
            long offset = dataStart + info.offset;
            located.put(
                    info.name,
                    new GgufTensor(
                            file,
                            info.name,
                            info.typeId,
                            info.dimensions,
                            offset,
                            memory.asSlice(offset, bytes)));
        }
        return infos.stream().map(info -> tensor(located, info.name)).toList();
    }

    private static GgufTensor tensor(Map<String, GgufTensor> located, String name) {
        GgufTensor tensor = located.get(name);
        if (tensor == null) {
            throw new IllegalStateException(name);
        }
        return tensor;
    }
}
