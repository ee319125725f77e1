package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cuda.RecordingDriver.Launch;
import dev.juggler.backend.cuda.driver.DriverSource;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which kernels are launched, with which geometry and arguments, on a driver that records. */
class LaunchesTest {
    private final RecordingDriver driver = new RecordingDriver();
    private final Backend backend = open(Map.of());
    private final Kernels kernels = backend.kernels();

    private Backend open(Map<String, String> values) {
        return open(driver, values);
    }

    private static Backend open(RecordingDriver driver, Map<String, String> values) {
        KernelImage image = new KernelImage(new byte[1], "recorded");
        Backend opened =
                new CudaBackendProvider(
                                () -> new DriverSource.Found(driver),
                                device -> List.of(() -> image))
                        .open(new BackendOptions("cuda:0", false, values));
        driver.taken();
        driver.takenCalls();
        return opened;
    }

    @Test
    void theProbeNamesLibrariesThatAreNotThere() {
        Availability found =
                new CudaBackendProvider(() -> new DriverSource.Found(driver), device -> List.of())
                        .probe();
        assertTrue(
                found.toString().contains("does without libsomething.so.12 (to have"),
                found.toString());
        assertTrue(found.toString().contains("juggler plugins install cuda-redist"));
    }

    /** A part of the weight after the other is taken apart to 64 MB of halves. */
    @Test
    void theVendorsLibraryMultipliesManyRowsInParts() {
        Tensor out = floats(600, 20000);
        Tensor x = floats(600, 4000);
        Tensor weight = tensor(DType.Q4_0, 1, 20000, 4000);
        kernels.matmul(out, x, weight);
        List<Launch> launches = launches();
        assertEquals(
                List.of(
                        "halve_rows",
                        "dequantize_rows",
                        "product",
                        "dequantize_rows",
                        "product",
                        "dequantize_rows",
                        "product",
                        "scale_rows"),
                launches.stream().map(Launch::kernel).toList());
        Object halves = launches.get(0).arguments().get(1);
        int part = (64 << 20) / 8000;
        for (int i = 0; i < 3; i++) {
            int count = i < 2 ? part : 20000 - 2 * part;
            Launch dequantize = launches.get(1 + 2 * i);
            assertEquals(List.of(2, count, 1, 128, 0), dequantize.geometry());
            assertEquals(
                    List.of(address(weight) + 2250L * i * part, (long) count, 4000, 2, 1),
                    dequantize.arguments().subList(1, 6));
            Launch product = launches.get(2 + 2 * i);
            assertEquals(List.of(600, count, 4000, 20000, 4032), product.geometry());
            assertEquals(
                    List.of(address(out) + 4L * i * part, halves, dequantize.arguments().get(0)),
                    product.arguments());
        }
        Launch scale = launches.getLast();
        assertEquals(
                List.of(address(out), (long) halves + 600L * 4032 * 2, 600L * 20000, 20000),
                scale.arguments());
    }

    @ParameterizedTest
    @CsvSource({
        "auto, Q4_K, 512, product",
        "auto, Q4_K, 511, multiply_many_q4_k_128",
        "auto, F32, 600, multiply_many_float",
        "own, Q4_K, 600, multiply_many_q4_k_128",
        "cublas, Q4_K, 64, product",
        "cublas, F16, 64, product",
        "cublas, Q4_K, 63, multiply_many_q4_k_32"
    })
    void whoMultipliesManyRows(String gemm, DType dtype, int rows, String kernel) {
        try (Backend opened = open(Map.of("gemm", gemm))) {
            Tensor weight = on(opened, dtype, 1, 256, 256);
            Tensor x = on(opened, DType.F32, 1, rows, 256);
            opened.kernels().matmul(on(opened, DType.F32, 1, rows, 256), x, weight);
            opened.synchronize();
            List<String> names = driver.taken().stream().map(Launch::kernel).toList();
            assertTrue(names.contains(kernel), names.toString());
            boolean taken = dtype != DType.F16 && kernel.equals("product");
            assertEquals(taken, names.contains("dequantize_rows"), "halves are there already");
        }
    }

    @AfterEach
    void close() {
        backend.close();
    }

    private Tensor tensor(DType dtype, int count, int rows, int columns) {
        Shape shape = new Shape(count, rows, columns);
        long bytes = dtype.bytes(columns) * rows * count;
        return new Tensor(dtype, shape, backend.allocate(Math.max(1, bytes)), 0);
    }

    private Tensor floats(int rows, int columns) {
        return tensor(DType.F32, 1, rows, columns);
    }

    private static long address(Tensor tensor) {
        return ((CudaBuffer) tensor.buffer()).address() + tensor.offset();
    }

    private List<Launch> launches() {
        backend.synchronize();
        return driver.taken();
    }

    @Test
    void oneRowIsRoundedAndMultipliedOnce() {
        Tensor out = floats(1, 4096);
        Tensor x = floats(1, 2048);
        Tensor weight = tensor(DType.Q4_K, 1, 4096, 2048);
        kernels.matmul(out, x, weight);
        List<Launch> launches = launches();
        assertEquals(2, launches.size(), launches.toString());
        Launch quantize = launches.get(0);
        assertEquals("quantize_rows", quantize.kernel());
        assertEquals(List.of(8, 1, 1, 256, 0), quantize.geometry());
        assertEquals(address(x), quantize.arguments().get(0));
        assertEquals(List.of(1, 2048), quantize.arguments().subList(2, 4));
        Launch multiply = launches.get(1);
        assertEquals("multiply_few_q4_k_1", multiply.kernel());
        assertEquals(List.of(512, 1, 1, 128, 0), multiply.geometry());
        assertEquals(
                List.of(
                        address(out),
                        address(weight),
                        quantize.arguments().get(1),
                        0L,
                        1,
                        4096,
                        2048,
                        1,
                        1,
                        0L,
                        0L,
                        0L,
                        0,
                        0L,
                        0L,
                        0),
                multiply.arguments());
    }

    private static Projection projection(Tensor weight) {
        return new Projection(weight, null, null);
    }

    private List<String> project(ProjectionWeights weights, DType cache, int rows) {
        int keys = weights.key().weight().rows();
        int values = weights.value().weight().rows();
        kernels.project(
                floats(rows, weights.query().weight().rows()),
                floats(rows, 2048),
                weights,
                tensor(DType.I32, 1, 1, rows),
                new KvPages(tensor(cache, 64, 32, keys), tensor(cache, 64, 32, values), 32),
                tensor(DType.I32, 1, 1, rows),
                new BufferWorkspace(backend.allocate(16 << 20)));
        return launches().stream().map(Launch::kernel).toList();
    }

    /** Weights of a type are one launch after another in the grid, and so their results. */
    @Test
    void theWayIntoAttentionIsFewLaunches() {
        RopePlan rope = new RopePlan(RopePlan.Pairing.HALVES, 128, 0, new double[64], 1.5f);
        Tensor query = tensor(DType.Q4_K, 1, 4096, 2048);
        Tensor key = tensor(DType.Q4_K, 1, 512, 2048);
        Tensor value = tensor(DType.Q6_K, 1, 512, 2048);
        Tensor norm = floats(1, 128);
        Tensor bias = floats(1, 512);
        Tensor keys = tensor(DType.F16, 64, 32, 512);
        Tensor values = tensor(DType.F16, 64, 32, 512);
        Tensor q = floats(1, 4096);
        Tensor positions = tensor(DType.I32, 1, 1, 1);
        Tensor slots = tensor(DType.I32, 1, 1, 1);
        kernels.project(
                q,
                floats(1, 2048),
                new ProjectionWeights(
                        new Projection(query, null, norm),
                        new Projection(key, null, norm),
                        new Projection(value, bias, null),
                        1e-6f,
                        rope),
                positions,
                new KvPages(keys, values, 32),
                slots,
                new BufferWorkspace(backend.allocate(1 << 20)));
        List<Launch> launches = launches();
        assertEquals(
                List.of(
                        "quantize_rows",
                        "multiply_few_q4_k_1",
                        "multiply_few_q6_k_1",
                        "finish_heads"),
                launches.stream().map(Launch::kernel).toList());
        Launch both = launches.get(1);
        assertEquals(List.of(512 + 64, 1, 1, 128, 0), both.geometry());
        assertEquals(address(q), both.arguments().get(0));
        assertEquals(address(key), both.arguments().get(11));
        assertEquals(512, both.arguments().get(12), "rows of the second weight");
        assertEquals(List.of(0L, 0L, 0), both.arguments().subList(13, 16), "and no third");
        Launch finish = launches.get(3);
        assertEquals(List.of(10, 1, 1, 128, 0), finish.geometry(), "32 + 4 + 4 warps");
        assertEquals(
                List.of(0L, 0L, address(bias), address(norm), address(norm), address(positions)),
                finish.arguments().subList(3, 9));
        assertEquals(
                List.of(address(slots), address(keys), address(values)),
                finish.arguments().subList(10, 13));
        int half = DType.F16.ggmlId();
        assertEquals(
                List.of(1, 32, 4, 128, 512, 1e-6f, 0, 64, 1, 1.5f, 2048L, half, half),
                finish.arguments().subList(13, 26));
    }

    @ParameterizedTest
    @CsvSource({
        "usual, F16, 1, 'quantize_rows multiply_few_q4_k_1 finish_heads'",
        "usual, F16, 8, 'quantize_rows multiply_few_q4_k_8 finish_heads'",
        "usual, F16, 64, 'halve_rows multiply_many_q4_k_32 multiply_many_q4_k_32 multiply_many_q4_k_32 finish_heads'",
        "usual, Q8_0, 1, 'quantize_rows multiply_few_q4_k_1 finish_heads'",
        "not rotated, F16, 1, 'quantize_rows multiply_few_q4_k_1 quantize_rows multiply_few_q4_k_1 quantize_rows multiply_few_q4_k_1 append_kv append_kv'",
        "normed as a whole, F16, 1, 'quantize_rows multiply_few_q4_k_1 rms_norm quantize_rows multiply_few_q4_k_1 quantize_rows multiply_few_q4_k_1 rope rope append_kv append_kv'"
    })
    void whatIsRareTakesThePlainOperations(String kind, DType cache, int rows, String expected) {
        RopePlan rope = new RopePlan(RopePlan.Pairing.HALVES, 64, 0, new double[32], 1);
        boolean whole = kind.equals("normed as a whole");
        ProjectionWeights weights =
                new ProjectionWeights(
                        new Projection(
                                tensor(DType.Q4_K, 1, 1024, 2048),
                                null,
                                whole ? floats(1, 1024) : null),
                        projection(tensor(DType.Q4_K, 1, 256, 2048)),
                        projection(tensor(DType.Q4_K, 1, 256, 2048)),
                        1e-6f,
                        kind.equals("not rotated") ? null : rope);
        assertEquals(List.of(expected.split(" ")), project(weights, cache, rows));
    }

    @Test
    void aBlockOfTheCacheBelongsToOneHead() {
        RopePlan rope = new RopePlan(RopePlan.Pairing.HALVES, 80, 0, new double[40], 1);
        ProjectionWeights weights =
                new ProjectionWeights(
                        projection(tensor(DType.F16, 1, 640, 2048)),
                        projection(tensor(DType.F16, 1, 160, 2048)),
                        projection(tensor(DType.F16, 1, 160, 2048)),
                        1e-6f,
                        rope);
        assertEquals("finish_heads", project(weights, DType.F16, 1).getLast());
        assertEquals("append_kv", project(weights, DType.Q8_0, 1).getLast());
    }

    @ParameterizedTest
    @CsvSource({
        "Q4_K, 2, multiply_few_q4_k_4, 1",
        "Q4_K, 3, multiply_few_q4_k_4, 1",
        "Q4_K, 8, multiply_few_q4_k_8, 1",
        "IQ2_XS, 3, multiply_few_iq2_xs_1, 3",
        "F32, 5, multiply_few_f32_4, 2",
        "F32, 1, multiply_few_f32_1, 1"
    })
    void fewRowsShareTheirReading(DType dtype, int rows, String kernel, int blocks) {
        kernels.matmul(floats(rows, 33), floats(rows, 256), tensor(dtype, 1, 33, 256));
        Launch multiply = launches().getLast();
        assertEquals(kernel, multiply.kernel());
        assertEquals(List.of(5, blocks, 1, 128, 0), multiply.geometry());
    }

    @ParameterizedTest
    @CsvSource({
        "Q4_K, 9, multiply_many_q4_k_32, 5, 1",
        "Q4_K, 63, multiply_many_q4_k_32, 5, 2",
        "Q4_K, 300, multiply_many_q4_k_128, 3, 3",
        "IQ2_XS, 5, multiply_many_iq2_xs_32, 5, 1",
        "IQ2_XS, 300, multiply_many_iq2_xs_32, 5, 10",
        "F32, 9, multiply_many_float, 5, 1",
        "F32, 300, multiply_many_float, 5, 5"
    })
    void manyRowsAreCutIntoTiles(DType dtype, int rows, String kernel, int columns, int tiles) {
        kernels.matmul(floats(rows, 258), floats(rows, 256), tensor(dtype, 1, 258, 256));
        Launch multiply = launches().getLast();
        assertEquals(kernel, multiply.kernel());
        assertEquals(List.of(columns, tiles, 1, 256, 0), multiply.geometry());
        assertEquals(dtype == DType.F32 ? 12 : 11, multiply.arguments().size());
    }

    @Test
    void moreRowsThanAGridHas() {
        Tensor x = floats(70000, 4);
        kernels.rmsNorm(x, x, floats(1, 4), 1e-5f);
        kernels.copyColumns(floats(70000, 2), x, 1);
        List<Launch> launches = launches();
        assertEquals(List.of(70000, 1, 1, 256, 0), launches.get(0).geometry());
        assertEquals(1e-5f, launches.get(0).arguments().get(5));
        assertEquals(List.of(1, 65535, 1, 256, 0), launches.get(1).geometry());
        assertEquals(List.of(70000, 1, 2, 0, 2, 1, 4), launches.get(1).arguments().subList(2, 9));
    }

    @Test
    void emptyBatchesLaunchNothing() {
        kernels.add(floats(0, 5), floats(0, 5), floats(1, 5));
        kernels.matmul(floats(0, 32), floats(0, 32), floats(32, 32));
        assertTrue(launches().isEmpty());
    }

    private ExpertWeights experts(DType dtype) {
        return new ExpertWeights(
                tensor(dtype, 16, 512, 1024),
                tensor(dtype, 16, 512, 1024),
                tensor(dtype, 16, 1024, 512),
                floats(16, 512),
                null,
                floats(16, 1024),
                new GatedActivation(GatedActivation.Kind.CLAMPED_SWIGLU, 1.7f, 7f));
    }

    @Test
    void expertsOfFewRowsAreFourLaunches() {
        ExpertWeights weights = experts(DType.Q4_0);
        Tensor out = floats(2, 1024);
        Tensor ids = tensor(DType.I32, 1, 2, 4);
        kernels.experts(
                out,
                floats(2, 1024),
                ids,
                floats(2, 4),
                weights,
                new BufferWorkspace(backend.allocate(1 << 20)));
        List<Launch> launches = launches();
        assertEquals(
                List.of("quantize_rows", "gated_few_q4_0", "quantize_rows", "down_few_q4_0"),
                launches.stream().map(Launch::kernel).toList());
        Launch gated = launches.get(1);
        assertEquals(List.of(128, 8, 1, 128, 0), gated.geometry());
        assertEquals(address(weights.gate()), gated.arguments().get(1));
        assertEquals(address(ids), gated.arguments().get(4));
        assertEquals(0L, gated.arguments().get(6), "there is no bias of up");
        assertEquals(
                List.of(8, 512, 1024, 4, weights.gate().matrixBytes(), 1, 1.7f, 7f),
                gated.arguments().subList(7, 15));
        Launch down = launches.get(3);
        assertEquals(List.of(256, 2, 1, 128, 0), down.geometry());
        assertEquals(
                List.of(2, 4, 1024, 512, weights.down().matrixBytes()),
                down.arguments().subList(6, 11));
    }

    @Test
    void expertsOfManyRowsAreGroupedOnceForGateAndUp() {
        kernels.experts(
                floats(100, 1024),
                floats(100, 1024),
                tensor(DType.I32, 1, 100, 4),
                floats(100, 4),
                experts(DType.Q4_0),
                new BufferWorkspace(backend.allocate(16 << 20)));
        List<String> names = launches().stream().map(Launch::kernel).toList();
        assertEquals(
                List.of(
                        "group_experts",
                        "halve_rows",
                        "multiply_many_q4_0_32",
                        "multiply_many_q4_0_32",
                        "add_by_expert",
                        "gate"),
                names.subList(0, 6));
        assertEquals("combine_experts", names.getLast());
    }

    private KvPages pages() {
        return new KvPages(tensor(DType.F16, 64, 32, 512), tensor(DType.F16, 64, 32, 512), 32);
    }

    private static BatchLayout layout(int rows, int length) {
        BatchLayout layout = new BatchLayout(4);
        layout.add(rows, length, new int[64]);
        return layout;
    }

    private List<Launch> attend(KvPages kv, BatchLayout layout, Tensor q, Tensor out) {
        kernels.attention(out, q, kv, new AttentionPlan(32, 4, 128, 128, 0.1f, 0, 0, null), layout);
        return launches();
    }

    @Test
    void decodingSplitsALongPast() {
        KvPages kv = pages();
        List<Launch> launches = attend(kv, layout(1, 1500), floats(1, 4096), floats(1, 4096));
        assertEquals(2, launches.size());
        Launch attend = launches.get(0);
        assertEquals("attend_few_128_128", attend.kernel());
        assertEquals(List.of(16, 4, 1, 128, 40960), attend.geometry(), "2048 positions by 128");
        assertEquals(
                List.of(1, 1, 32, 4, 128, 128, 32, 0, 0.1f, 0f, 1, 1),
                attend.arguments().subList(8, 20));
        assertEquals("attend_combine", launches.get(1).kernel());
        assertEquals(List.of(32, 1, 1, 128, 0), launches.get(1).geometry());
        assertEquals(List.of(1, 32, 16, 128), launches.get(1).arguments().subList(2, 6));
    }

    private List<Launch> attendPrompt(Backend opened, DType cache, int rows, int[] widths) {
        Kernels target = opened.kernels();
        AttentionPlan plan = new AttentionPlan(32, 4, widths[0], widths[1], 0.1f, 0, 0, null);
        Tensor keys = on(opened, cache, 64, 32, 4 * widths[0]);
        Tensor values = on(opened, cache, 64, 32, 4 * widths[1]);
        Tensor q = on(opened, DType.F32, 1, rows, 32 * widths[0]);
        Tensor out = on(opened, DType.F32, 1, rows, 32 * widths[1]);
        target.attention(out, q, new KvPages(keys, values, 32), plan, layout(rows, rows));
        opened.synchronize();
        return driver.taken();
    }

    private static Tensor on(Backend opened, DType dtype, int count, int rows, int columns) {
        long bytes = dtype.bytes(columns) * rows * count;
        return new Tensor(dtype, new Shape(count, rows, columns), opened.allocate(bytes), 0);
    }

    /** 32 query heads read 4 of keys, so 8 rows make the 64 queries of a block, 2 those of few. */
    @ParameterizedTest
    @CsvSource({
        "F16, 100, 128, 128, attend_many_128_128, 4, 8, 13, 0",
        "Q8_0, 2, 128, 96, attend_many_128_128, 4, 8, 1, 0",
        "BF16, 17, 64, 64, attend_many_64_64, 4, 8, 3, 0",
        "F16, 17, 192, 128, attend_many_192_128, 4, 8, 3, 0",
        "F16, 17, 200, 200, attend_few_256_256, 4, 2, 9, 77824",
        "F16, 17, 576, 512, attend_512, 32, 8, 3, 0",
        "F32, 17, 128, 128, attend_128, 32, 8, 3, 0",
        "F16, 1, 128, 128, attend_few_128_128, 4, 1, 1, 40960",
        "Q8_0, 1, 192, 128, attend_few_192_128, 4, 1, 1, 51200",
        "F16, 1, 300, 300, attend_512, 4, 1, 1, 0"
    })
    void promptsAreCutIntoTilesOfRows(
            DType cache,
            int rows,
            int keys,
            int values,
            String kernel,
            int blocks,
            int tileRows,
            int tiles,
            int shared) {
        List<Launch> launches = attendPrompt(backend, cache, rows, new int[] {keys, values});
        assertEquals(1, launches.size());
        Launch attend = launches.getFirst();
        assertEquals(kernel, attend.kernel());
        assertEquals(List.of(1, blocks, tiles, 128, shared), attend.geometry());
        boolean many = kernel.startsWith("attend_many");
        int type = cache.ggmlId();
        List<Object> numbers = attend.arguments().subList(many ? 7 : 8, attend.arguments().size());
        assertEquals(
                List.of(type, type, 32, 4, keys, values, 32, 0, 0.1f, 0f, tileRows, tiles),
                numbers);
        if (!many) {
            assertEquals(0L, attend.arguments().get(1), "nothing is split");
        }
    }

    /** Latent attention: the values are the first elements of keys; all heads read one row. */
    @Test
    void latentRowsAreReadOnce() {
        Tensor stored = tensor(DType.F16, 64, 32, 576);
        AttentionPlan plan = new AttentionPlan(16, 1, 576, 512, 0.1f, 0, 0, null);
        driver.takenCalls();
        kernels.attention(
                floats(1, 16 * 512),
                floats(1, 16 * 576),
                new KvPages(stored, null, 32),
                plan,
                layout(1, 100));
        Launch attend = launches().getFirst();
        assertEquals("attend_few_576_512", attend.kernel());
        assertEquals(List.of(1, 1, 1, 128, 95232), attend.geometry());
        assertTrue(
                driver.takenCalls().contains("allow attend_few_576_512 95232"),
                "more than 48 KiB must be asked for");
    }

    /** What a step has computed in F32 is rounded where the cache that it stands for is. */
    @Test
    void expandedKeysAreAsPreciseAsTheCache() {
        Tensor keys = tensor(DType.F32, 100, 1, 16 * 192);
        Tensor values = tensor(DType.F32, 100, 1, 16 * 128);
        AttentionPlan plan = new AttentionPlan(16, 16, 192, 128, 0.1f, 0, 0, null);
        for (DType precision : List.of(DType.F16, DType.F32)) {
            KvPages kv = new KvPages(keys, values, 1, precision);
            BatchLayout layout = new BatchLayout(1);
            layout.add(50, 50, new int[100]);
            kernels.attention(floats(50, 16 * 128), floats(50, 16 * 192), kv, plan, layout);
            assertEquals(
                    precision == DType.F16 ? "attend_many_192_128" : "attend_128",
                    launches().getFirst().kernel());
        }
    }

    /** On Turing a block cannot have the shared memory that wide heads need on tensor cores. */
    @Test
    void wideHeadsStayInF32WhereSharedMemoryIsShort() {
        RecordingDriver turing = new RecordingDriver(RecordingDriver.LITTLE_SHARED);
        try (Backend small = open(turing, Map.of())) {
            for (int[] widths : new int[][] {{192, 128}, {256, 256}}) {
                Tensor keys = on(small, DType.F16, 8, 32, widths[0]);
                Tensor values = on(small, DType.F16, 8, 32, widths[1]);
                AttentionPlan plan = new AttentionPlan(1, 1, widths[0], widths[1], 1, 0, 0, null);
                Tensor out = on(small, DType.F32, 1, 1, widths[1]);
                Tensor q = on(small, DType.F32, 1, 1, widths[0]);
                small.kernels()
                        .attention(out, q, new KvPages(keys, values, 32), plan, layout(1, 9));
            }
            small.synchronize();
            assertEquals(
                    List.of("attend_few_192_128", "attend_256"),
                    turing.taken().stream().map(Launch::kernel).toList());
        }
    }

    @Test
    void attentionStaysInF32WhereActivationsDo() {
        try (Backend exact = open(Map.of("activations", "f32"))) {
            List<Launch> launches = attendPrompt(exact, DType.F16, 100, new int[] {128, 128});
            assertEquals("attend_128", launches.getFirst().kernel());
        }
    }

    /** Page tables are sent when they change and keep their place. */
    @Test
    void tablesAreSentOnceAStep() {
        KvPages kv = pages();
        Tensor q = floats(1, 4096);
        Tensor out = floats(1, 4096);
        BatchLayout layout = layout(1, 1500);
        driver.takenCalls();
        Launch first = attend(kv, layout, q, out).getFirst();
        assertEquals(1, copies());
        attend(kv, layout, q, out);
        attend(kv, layout.part(0, 1), q, out);
        assertEquals(0, copies(), "the same content is there already");
        layout.clear();
        layout.add(1, 1501, new int[64]);
        Launch next = attend(kv, layout, q, out).getFirst();
        assertEquals(1, copies());
        assertEquals(first, next, "what changes from token to token is no argument");
    }

    private long copies() {
        return driver.takenCalls().stream().filter(call -> call.startsWith("copyIn")).count();
    }

    private void step(Tensor x, Tensor y, Tensor norm, int rows) {
        for (int i = 0; i < 5; i++) {
            kernels.rmsNorm(y.slice(0, rows), x.slice(0, rows), norm, 1e-6f);
            kernels.add(x.slice(0, rows), x.slice(0, rows), y.slice(0, rows));
        }
        backend.synchronize();
    }

    @Test
    void whatRepeatsIsCapturedOnceAndReplayed() {
        Tensor x = floats(4, 64);
        Tensor y = floats(4, 64);
        Tensor norm = floats(1, 64);
        launches();
        driver.takenCalls();
        step(x, y, norm, 4);
        assertEquals(10, driver.taken().size());
        assertFalse(driver.takenCalls().contains("graph"));
        step(x, y, norm, 4);
        List<Launch> captured = driver.taken();
        assertEquals(10, captured.size());
        assertTrue(captured.stream().allMatch(one -> one.kernel().startsWith("captured")));
        assertEquals(1, graphs());
        step(x, y, norm, 4);
        assertTrue(driver.taken().isEmpty(), "a replay launches nothing by itself");
        assertEquals(1, graphs());
        step(x, y, norm, 3);
        assertEquals(10, driver.taken().size(), "another shape is another run");
        assertEquals(0, graphs());
        step(y, x, norm, 4);
        assertEquals(10, driver.taken().size(), "and so are other addresses");
        step(x, y, norm, 4);
        assertTrue(driver.taken().isEmpty(), "the first is still known");
    }

    private long graphs() {
        return driver.takenCalls().stream().filter(call -> call.equals("graph")).count();
    }

    @Test
    void withoutGraphsLaunchesGoOneByOne() {
        Tensor x = floats(4, 64);
        Tensor y = floats(4, 64);
        Tensor norm = floats(1, 64);
        launches();
        driver.refuseCapture();
        step(x, y, norm, 4);
        assertEquals(10, driver.taken().size());
        step(x, y, norm, 4);
        List<Launch> second = driver.taken();
        assertEquals(20, second.size(), "tried to capture, then launched");
        assertEquals(
                10, second.stream().filter(one -> !one.kernel().startsWith("captured")).count());
        step(x, y, norm, 4);
        assertEquals(10, driver.taken().size(), "and not tried again");
    }

    @Test
    void graphsCanBeTurnedOff() {
        try (Backend plain = open(Map.of("graphs", "off"))) {
            Tensor x = Tensor.of(DType.F32, 1, 64, plain.allocate(256));
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 8; i++) {
                    plain.kernels().add(x, x, x);
                }
                plain.synchronize();
            }
            assertEquals(24, driver.taken().size());
            assertFalse(driver.takenCalls().contains("graph"));
        }
    }

    /** Beside other devices the host has work of its own once it has asked for an operation. */
    @Test
    void afterTheHostHasWrittenNothingIsHeldBack() {
        Tensor x = floats(1, 64);
        launches();
        kernels.add(x, x, x);
        assertTrue(driver.taken().isEmpty(), "collected");
        x.buffer().write(0, MemorySegment.ofArray(new float[64]));
        assertEquals(1, driver.taken().size(), "before the host's bytes");
        kernels.add(x, x, x);
        assertEquals(1, driver.taken().size(), "at once");
        kernels.add(x, x, x);
        assertTrue(driver.taken().isEmpty(), "collected again");
    }

    /** What the host computes with what it has read goes on beside the next operation. */
    @Test
    void afterTheHostHasReadNothingIsHeldBack() {
        Tensor x = floats(1, 64);
        launches();
        x.buffer().read(0, MemorySegment.ofArray(new float[64]));
        kernels.add(x, x, x);
        assertEquals(1, driver.taken().size(), "at once");
        kernels.add(x, x, x);
        assertTrue(driver.taken().isEmpty(), "collected");
    }
}
