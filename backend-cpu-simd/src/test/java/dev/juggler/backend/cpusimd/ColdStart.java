package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import java.lang.management.ManagementFactory;

/**
 * Measures the first answer of a process: a prompt of 30 tokens and 30 more, with nothing compiled.
 * Arguments: kernels, vector bits, threads. Run it in a fresh JVM.
 */
final class ColdStart {
    private static final int PROMPT = 30;
    private static final int ANSWER = 30;

    private ColdStart() {}

    public static void main(String[] args) {
        String kernels = args.length > 0 ? args[0] : "auto";
        int bits = args.length > 1 ? Integer.parseInt(args[1]) : CpuSimdOptions.bestVectorBits();
        int threads = args.length > 2 ? Integer.parseInt(args[2]) : 2;
        int answers = args.length > 3 ? Integer.parseInt(args[3]) : 3;
        try (Backend backend = Backends.open(kernels, bits, threads)) {
            System.out.println(backend.description());
            TinyModel model = new TinyModel(backend, DType.Q8_0, 8);
            for (int i = 0; i < answers; i++) {
                System.out.printf("answer %d: %s%n", i + 1, answer(model));
            }
        }
    }

    private static String answer(TinyModel model) {
        long start = System.nanoTime();
        long cpu = cpu();
        int[] pages = {0, 1, 2, 3, 4, 5, 6, 7};
        BatchLayout layout = new BatchLayout(1);
        layout.add(PROMPT, PROMPT, pages);
        int[] numbers = new int[PROMPT];
        for (int i = 0; i < PROMPT; i++) {
            numbers[i] = i;
        }
        model.forward(numbers, numbers, numbers, layout);
        long prompt = System.nanoTime();
        for (int i = PROMPT; i < PROMPT + ANSWER; i++) {
            layout.clear();
            layout.add(1, i + 1, pages);
            int[] one = {i};
            model.forward(one, one, one, layout);
        }
        return "prompt %d ms, answer %d ms, processor time %d ms"
                .formatted(
                        (prompt - start) / 1_000_000,
                        (System.nanoTime() - prompt) / 1_000_000,
                        (cpu() - cpu) / 1_000_000);
    }

    private static long cpu() {
        return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getProcessCpuTime();
    }
}
