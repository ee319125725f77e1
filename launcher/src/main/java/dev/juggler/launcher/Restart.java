package dev.juggler.launcher;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Replaces this process by another run of the launcher script, whose JVM has modules that this one
 * lacks. Process id, terminal, input and output stay; nothing may have been read or written yet.
 *
 * <p>Only the script knows all flags of a start and the cache that belongs to them, so it is the
 * script that runs again. It says that it may by a property, and not when it was told the modules:
 * so there is one restart at most.
 */
final class Restart {
    private static final Logger LOG = LoggerFactory.getLogger(Restart.class);
    private static final String SCRIPT = "dev.juggler.restart";
    private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");
    private static final byte[] JAR = {'-', 'j', 'a', 'r'};

    private Restart() {}

    /**
     * Returns where all modules are loaded, and where there is no script to run again: what needs a
     * missing module then says so itself.
     */
    static void withModules(Set<String> modules) {
        Set<String> missing = new TreeSet<>(modules);
        missing.removeIf(name -> ModuleLayer.boot().findModule(name).isPresent());
        String script = System.getProperty(SCRIPT, "");
        if (missing.isEmpty() || script.isEmpty()) {
            return;
        }
        try {
            List<byte[]> command = new ArrayList<>();
            command.add(bytes(script));
            command.add(bytes("--add-modules"));
            command.add(bytes(String.join(",", new TreeSet<>(modules))));
            command.addAll(arguments());
            LOG.debug("starts anew with modules {}", missing);
            replaceProcess(command);
        } catch (IOException e) {
            LOG.debug("the process could not be replaced", e);
        }
    }

    /**
     * The arguments of main, as the system has them: in bytes, since not every locale can say what
     * they mean.
     */
    private static List<byte[]> arguments() throws IOException {
        List<byte[]> all =
                Files.isReadable(COMMAND_LINE)
                        ? words(Files.readAllBytes(COMMAND_LINE))
                        : ProcessHandle.current()
                                .info()
                                .arguments()
                                .map(words -> Stream.of(words).map(Restart::bytes).toList())
                                .orElse(List.of());
        for (int i = 0; i + 1 < all.size(); i++) {
            if (Arrays.equals(all.get(i), JAR)) {
                return all.subList(i + 2, all.size());
            }
        }
        throw new IOException("the process does not know its arguments");
    }

    /** Words that end with a zero byte each. */
    private static List<byte[]> words(byte[] bytes) {
        List<byte[]> words = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                words.add(Arrays.copyOfRange(bytes, start, i));
                start = i + 1;
            }
        }
        return words;
    }

    /** As the JVM reads names of files and arguments. */
    private static byte[] bytes(String text) {
        return text.getBytes(Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8")));
    }

    /** execv of POSIX; returns only if that fails. */
    @SuppressWarnings("restricted") // a function of the C library
    private static void replaceProcess(List<byte[]> command) {
        Linker linker = Linker.nativeLinker();
        FunctionDescriptor descriptor =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment words = arena.allocate(ValueLayout.ADDRESS, command.size() + 1);
            for (int i = 0; i < command.size(); i++) {
                MemorySegment word = arena.allocate(command.get(i).length + 1L);
                word.copyFrom(MemorySegment.ofArray(command.get(i)));
                words.setAtIndex(ValueLayout.ADDRESS, i, word);
            }
            words.setAtIndex(ValueLayout.ADDRESS, command.size(), MemorySegment.NULL);
            MemorySegment program = words.getAtIndex(ValueLayout.ADDRESS, 0);
            int result =
                    (int)
                            linker.downcallHandle(
                                            linker.defaultLookup().findOrThrow("execv"), descriptor)
                                    .invokeExact(program, words);
            LOG.debug("execv returned {}", result);
        } catch (Throwable e) {
            LOG.debug("execv cannot be called", e);
        }
    }
}
