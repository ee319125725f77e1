package dev.juggler.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.juggler.launcher.command.RootCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/**
 * The generated pages of docs/ say what the code says. {@code mvn test -Ddocs.update=true} writes
 * them anew.
 */
class DocumentationTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final List<String> MODULES =
            List.of(
                    "launcher",
                    "engine",
                    "backend-cpu-simd",
                    "backend-cuda",
                    "protocol-openai",
                    "protocol-ollama");

    @Test
    void theConfigurationReferenceIsThatOfTheModules() throws IOException {
        StringBuilder page =
                new StringBuilder(
                        """
                        # Configuration reference

                        HOCON. The file is the one that `--config` names, else `juggler.conf` in the working directory, else
                        `~/.config/juggler/juggler.conf`. Stronger than the file are environment variables (`juggler.server.fallback-model` is
                        `JUGGLER_SERVER_FALLBACK_MODEL`), and stronger still `-Djuggler.server.port=8080` on the command line. A key that nobody knows
                        is refused with the nearest one that is known. Where the configuration names no model, the built-in demo model is there.

                        Every key with its default, by module. This page is generated; the text is that of each module's `reference.conf`.
                        """);
        for (String module : MODULES) {
            Path reference = ROOT.resolve(module).resolve("src/main/resources/reference.conf");
            page.append("\n## ").append(module).append("\n\n```hocon\n");
            page.append(Files.readString(reference).strip()).append("\n```\n");
        }
        check("configuration.md", page.toString());
    }

    @Test
    void theCommandLineReferenceIsThatOfTheCommands() throws IOException {
        StringBuilder page =
                new StringBuilder(
                        """
                        # Command line reference

                        This page is generated; the text is that of `juggler COMMAND --help`.
                        """);
        append(page, "juggler", RootCommand.commandLine());
        check("cli.md", page.toString());
    }

    private static void append(StringBuilder page, String name, CommandLine command) {
        page.append("\n## ").append(name).append("\n\n```\n");
        page.append(command.getUsageMessage(CommandLine.Help.Ansi.OFF).strip()).append("\n```\n");
        for (Map.Entry<String, CommandLine> child : command.getSubcommands().entrySet()) {
            boolean hidden = child.getValue().getCommandSpec().usageMessage().hidden();
            if (!hidden && !child.getKey().equals("help")) {
                append(page, name + " " + child.getKey(), child.getValue());
            }
        }
    }

    private static void check(String file, String expected) throws IOException {
        Path page = ROOT.resolve("docs").resolve(file);
        if (Boolean.getBoolean("docs.update")) {
            Files.writeString(page, expected);
        }
        assertEquals(
                expected,
                Files.exists(page) ? Files.readString(page) : "",
                "docs/" + file + " is stale: mvn test -Ddocs.update=true writes it anew");
    }
}
