package dev.juggler.launcher.command;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.template.ChatTemplate;
import dev.juggler.engine.template.TemplateCases;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler render}: a chat template on cases from a file. */
@Command(
        name = "render",
        mixinStandardHelpOptions = true,
        description = {
            "Renders chat templates. A case is a JSON object: messages, tools, add_generation_prompt,"
                    + " bos_token, eos_token, extra (further variables), now (2025-08-05 12:00:00 if"
                    + " absent).",
            "Prints {\"text\": ...} or {\"error\": ...} for each.",
            ""
        })
final class RenderCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "TEMPLATE.jinja|MODEL",
            description = "a Jinja file, a configured model, or the path of a GGUF file")
    private String source = "";

    @Option(
            names = "--jsonl",
            required = true,
            paramLabel = "FILE",
            description = "a case on each line, - for standard input")
    private Path file = Path.of("-");

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Logging.beQuiet();
        TemplateCases cases = new TemplateCases(ChatTemplate.parse(templateSource()));
        JsonLines.answer(file, spec.commandLine().getOut(), cases::render);
        return 0;
    }

    private String templateSource() throws IOException {
        Path path = Path.of(source);
        if (Files.isRegularFile(path) && !source.endsWith(".gguf")) {
            return Files.readString(path);
        }
        ModelArgument model = ModelArgument.resolve(common.configuration(), source);
        try (GgufFile gguf = GgufFile.open(model.path())) {
            String template = gguf.metadata().stringOrNull("tokenizer.chat_template");
            if (template == null) {
                throw new UserException(
                        model.path() + " has no chat template (tokenizer.chat_template)");
            }
            return template;
        }
    }
}
