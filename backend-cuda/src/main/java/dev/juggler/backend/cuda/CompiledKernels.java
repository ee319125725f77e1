package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.Libraries;
import dev.juggler.kernel.BackendException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.nvrtc.JNvrtc;
import jcuda.nvrtc.nvrtcProgram;
import jcuda.nvrtc.nvrtcResult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiles the kernels' sources, which are in the plugin, with NVRTC, and keeps the result in the
 * user's cache folder by a hash of sources and architecture.
 */
final class CompiledKernels {
    private static final String MAIN = "all.cu";
    private static final Pattern INCLUDE = Pattern.compile("#include \"([^\"]+)\"");
    private static final Logger LOG = LoggerFactory.getLogger(CompiledKernels.class);

    private final Path cache;

    CompiledKernels() {
        this(Path.of(System.getProperty("user.home"), ".cache", "juggler", "cuda-kernels"));
    }

    CompiledKernels(Path cache) {
        this.cache = cache;
    }

    /**
     * PTX for a device.
     *
     * @param architecture e.g. 90
     * @throws BackendException if NVRTC is missing or refuses the sources
     */
    KernelImage image(int architecture) {
        Map<String, String> sources = sources();
        Path kept = cache.resolve(hash(sources) + "-" + architecture + ".ptx");
        try {
            if (Files.isRegularFile(kept)) {
                return new KernelImage(Files.readAllBytes(kept), "compiled by NVRTC before");
            }
        } catch (IOException e) {
            LOG.warn("{} cannot be read: {}", kept, e.getMessage());
        }
        LOG.info("compiling CUDA kernels for compute capability {} (only now)", architecture);
        byte[] image = compile(sources, architecture);
        keep(kept, image);
        return new KernelImage(image, "compiled by NVRTC");
    }

    /** The main source and all that it includes, by name, the main one first. */
    static Map<String, String> sources() {
        Map<String, String> sources = new LinkedHashMap<>();
        List<String> open = new ArrayList<>(List.of(MAIN));
        while (!open.isEmpty()) {
            String name = open.removeFirst();
            if (sources.containsKey(name)) {
                continue;
            }
            byte[] bytes = BuiltKernels.resource("source/" + name);
            if (bytes == null) {
                throw new BackendException("the plugin lacks the source " + name);
            }
            String text = new String(bytes, StandardCharsets.UTF_8);
            sources.put(name, text);
            Matcher matcher = INCLUDE.matcher(text);
            while (matcher.find()) {
                open.add(matcher.group(1));
            }
        }
        return sources;
    }

    private static String hash(Map<String, String> sources) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            sources.forEach((name, text) -> {
                digest.update(name.getBytes(StandardCharsets.UTF_8));
                digest.update(text.getBytes(StandardCharsets.UTF_8));
            });
            return HexFormat.of().formatHex(digest.digest(), 0, 12);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] compile(Map<String, String> sources, int architecture) {
        if (!Libraries.load(Libraries.NVRTC)) {
            throw new BackendException(
                    "%s not found; %s".formatted(Libraries.NVRTC, Libraries.REMEDY));
        }
        List<String> headers = new ArrayList<>(sources.keySet());
        headers.remove(MAIN);
        nvrtcProgram program = new nvrtcProgram();
        int created =
                JNvrtc.nvrtcCreateProgram(
                        program,
                        sources.get(MAIN),
                        MAIN,
                        headers.size(),
                        headers.stream().map(sources::get).toArray(String[]::new),
                        headers.toArray(String[]::new));
        require("nvrtcCreateProgram", created, "");
        try {
            String[] options = {"--gpu-architecture=compute_" + architecture, "--std=c++17"};
            int compiled = JNvrtc.nvrtcCompileProgram(program, options.length, options);
            String[] log = {""};
            JNvrtc.nvrtcGetProgramLog(program, log);
            require("nvrtcCompileProgram", compiled, log[0]);
            String[] ptx = {""};
            require("nvrtcGetPTX", JNvrtc.nvrtcGetPTX(program, ptx), "");
            return (ptx[0] + "\0").getBytes(StandardCharsets.UTF_8);
        } finally {
            JNvrtc.nvrtcDestroyProgram(program);
        }
    }

    private static void require(String call, int result, String log) {
        if (result != nvrtcResult.NVRTC_SUCCESS) {
            throw new BackendException(
                    "%s: %s%n%s".formatted(call, nvrtcResult.stringFor(result), log).strip());
        }
    }

    private static void keep(Path kept, byte[] image) {
        try {
            Files.createDirectories(kept.getParent());
            Path fresh = Files.createTempFile(kept.getParent(), "fresh", ".ptx");
            Files.write(fresh, image);
            Files.move(fresh, kept, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            LOG.warn("{} cannot be kept, the next start compiles again: {}", kept, e.toString());
        }
    }
}
